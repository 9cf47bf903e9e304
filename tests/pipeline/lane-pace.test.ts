/** A less urgent lane works as much as a more urgent one does not notice: on a clock that is stepped, whatever the machine. */
import { expect, test } from "bun:test";
import type { Priority } from "../../src/channels/channel.ts";
import { createLanePace } from "../../src/pipeline/lane-pace.ts";

const quietMs = 1;
/** Beyond three times the quiet p95. */
const slowMs = 10;
const shareMin = 1 / 32;

/** A pace on a clock of its own, where a sleep is over at once and has taken its time. */
function paceInTime() {
  let nowMs = 0;
  let restedMs = 0;
  const pace = createLanePace({
    nowMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
    },
    onRest: (_, ms) => {
      restedMs += ms;
    },
  });
  return {
    pace,
    pass: (ms: number) => {
      nowMs += ms;
    },
    /** For how long a lane rests after a piece that took so long. */
    async restAfter(lane: Priority, tookMs: number): Promise<number> {
      const beforeMs = restedMs;
      await pace.rest(lane, tookMs);
      return restedMs - beforeMs;
    },
    /** A critical piece every 10 ms, each beside a low one; `tookMs` is given the low lane's share. */
    contest(pieces: number, tookMs: (share: number) => number): number[] {
      return Array.from({ length: pieces }, () => {
        nowMs += 10;
        pace.took("low", 1);
        const share = pace.share("low");
        pace.took("critical", tookMs(share));
        return share;
      });
    },
  };
}

/** A hundred pieces with nothing beside them: from then on it is known what they take. */
function quietly({ pace, pass }: ReturnType<typeof paceInTime>, tookMs = quietMs): void {
  for (let nth = 0; nth < 100; nth += 1) {
    pass(10);
    pace.took("critical", tookMs);
  }
}

/** The same in each run, from 0 to 1. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

test("with nothing more urgent beside it, a lane works in whole batches and never rests", async () => {
  const world = paceInTime();
  const { pace, restAfter } = world;
  for (const lane of ["low", "normal", "high", "critical"] as const) {
    pace.took(lane, slowMs);
    expect(pace.pieceMax(lane, 500)).toBe(500);
    expect(await restAfter(lane, slowMs)).toBe(0);
    world.pass(5000);
  }
});

test("the low lane gives way to the critical one and to no other, until it had no work for a second", async () => {
  const { pace, pass, restAfter } = paceInTime();
  for (const lane of ["low", "normal", "high"] as const) pace.took(lane, 1);
  expect(pace.pieceMax("low", 500)).toBe(500);
  expect(await restAfter("low", 2)).toBe(0);
  pace.took("critical", 1);
  expect([pace.pieceMax("low", 500), pace.pieceMax("low", 5)]).toEqual([32, 5]);
  for (const lane of ["normal", "high", "critical"] as const) {
    expect(pace.pieceMax(lane, 500)).toBe(500);
    expect(await restAfter(lane, 2)).toBe(0);
  }
  expect(await restAfter("low", 2)).toBe(2 * 31);
  pass(1000);
  expect(await restAfter("low", 2)).toBe(0);
  expect(pace.pieceMax("low", 500)).toBe(500);
});

test("until it is known what an urgent piece takes, the lanes below work as little as they ever do", () => {
  const world = paceInTime();
  expect(new Set(world.contest(100, () => quietMs).slice(1))).toEqual(new Set([shareMin]));
});

test("of an urgent lane that has little work, five seconds are enough to know it", () => {
  const { pace, pass } = paceInTime();
  const shares = Array.from({ length: 20 }, () => {
    pace.took("low", 1);
    pace.took("critical", quietMs);
    pass(500);
    return pace.share("low");
  });
  expect(shares.slice(0, 10)).toEqual(Array(10).fill(shareMin));
  expect(shares.at(-1)).toBeGreaterThan(shareMin);
});

test("who disturbs nobody soon works without a rest", () => {
  const world = paceInTime();
  quietly(world);
  const shares = world.contest(1000, () => quietMs * 2.9);
  expect(shares.at(-1)).toBe(1);
});

test("a share is found at which 95 pieces of 100 take at most three times what they take alone", () => {
  const world = paceInTime();
  const random = randomFrom(7);
  quietly(world);
  world.contest(1000, (share) => (random() < share ? slowMs : quietMs));
  let slow = 0;
  const shares = world.contest(10_000, (share) => {
    const isSlow = random() < share / 4;
    if (isSlow) slow += 1;
    return isSlow ? slowMs : quietMs;
  });
  expect(slow / shares.length).toBeGreaterThan(0.04);
  expect(slow / shares.length).toBeLessThan(0.06);
  // A machine on which a quarter of what the low lane does is noticed lets it work four times as much.
  expect(mean(shares)).toBeGreaterThan(0.15);
  expect(mean(shares)).toBeLessThan(0.25);
});

test("however slow it is, a lane works a thirty-second of its time, and once in a quarter of a second", async () => {
  const world = paceInTime();
  quietly(world);
  const shares = world.contest(1000, () => slowMs);
  expect(shares.at(-1)).toBe(shareMin);
  expect(await world.restAfter("low", 2)).toBe(2 * 31);
  expect(await world.restAfter("low", 1000)).toBe(250);
});

test("a lane that had no work earned no share by it", () => {
  const world = paceInTime();
  for (let nth = 0; nth < 10; nth += 1) quietly(world);
  world.pace.took("low", 1);
  expect(world.pace.share("low")).toBe(shareMin);
});

test("what an urgent piece takes is measured anew every five minutes, with little beside it", () => {
  const world = paceInTime();
  quietly(world);
  expect(world.contest(1000, () => quietMs).at(-1)).toBe(1);
  world.pass(300_000);
  // The machine has become four times slower, which is not the low lane's doing.
  const shares = world.contest(1000, () => quietMs * 4);
  expect(new Set(shares.slice(1, 100))).toEqual(new Set([shareMin]));
  expect(shares.at(-1)).toBe(1);
});

test("at the end of the process who rests goes on at once, and nobody rests any more", async () => {
  const pace = createLanePace({ sleep: () => new Promise(() => {}) });
  pace.took("critical", 1);
  const resting = pace.rest("low", 1000);
  pace.end();
  await resting;
  expect([pace.share("low"), pace.pieceMax("low", 500)]).toEqual([1, 500]);
});
