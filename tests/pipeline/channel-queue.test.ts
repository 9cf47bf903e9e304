/** What has no place in a channel's queue is nobody's to forget: it is given back. */
import { expect, test } from "bun:test";
import { createChannelQueue } from "../../src/pipeline/channel-queue.ts";
import { createLanePace } from "../../src/pipeline/lane-pace.ts";

const laneCapacity = 20_000;
const leaseUntilMs = Number.POSITIVE_INFINITY;
const idsOf = (count: number, from = 0) => Array.from({ length: count }, (_, nth) => `id ${from + nth}`);

/** A queue whose claims wait until `open` is called. */
function heldQueue() {
  const open = Promise.withResolvers<void>();
  const released: string[] = [];
  const run: string[] = [];
  let rooms = 0;
  const queue = createChannelQueue<string>({
    concurrency: 64,
    pace: createLanePace(),
    claim: async (offered) => {
      await open.promise;
      return offered.map(({ id }) => id);
    },
    unclaim: async () => {},
    isStale: () => false,
    release: async (offered) => {
      released.push(...offered.map(({ id }) => id));
    },
    run: async (id) => {
      run.push(id);
    },
    onRoom: () => {
      rooms += 1;
    },
    onError: (error) => {
      throw error;
    },
  });
  return { queue, released, run, rooms: () => rooms, open: open.resolve };
}

test("what overfills a lane is given back, and a full lane says when it has room", async () => {
  const { queue, released, run, rooms, open } = heldQueue();
  queue.offer("low", idsOf(64), leaseUntilMs); // Being claimed.
  queue.offer("low", idsOf(laneCapacity - 100, 64), leaseUntilMs);
  expect(queue.room("low")).toBe(100);
  queue.offer("low", idsOf(500, laneCapacity), leaseUntilMs);
  expect(queue.room("low")).toBe(0);
  expect(queue.room("high")).toBe(laneCapacity);
  await Promise.resolve();
  expect(released).toEqual(idsOf(400, laneCapacity + 100));

  open();
  while (run.length < laneCapacity + 64) await new Promise(setImmediate);
  expect(rooms()).toBe(1);
  expect(new Set(run).size).toBe(laneCapacity + 64);
  await queue.stop();
});

test("what is offered to a queue that stopped, or waits in one that stops, is given back", async () => {
  const { queue, released, run, open } = heldQueue();
  queue.offer("normal", idsOf(100), leaseUntilMs);
  const stopped = queue.stop();
  queue.offer("normal", idsOf(10, 100), leaseUntilMs);
  open();
  await stopped;
  expect(released.sort()).toEqual([...idsOf(36, 64), ...idsOf(10, 100)].sort());
  expect(run).toEqual([]);
});

/** A queue of which nothing that is sent ends before `end` is called, nor a claim before `open` is; its clock is set by hand. */
function steppedQueue() {
  const state = { nowMs: 0, ends: [] as (() => void)[] };
  const open = Promise.withResolvers<void>();
  const claims: number[] = [];
  const queue = createChannelQueue<string>({
    concurrency: 4,
    pace: createLanePace(),
    claim: async (offered) => {
      claims.push(offered.length);
      await open.promise;
      return offered.map(({ id }) => id);
    },
    unclaim: async () => {},
    isStale: () => false,
    release: async () => {},
    run: () => new Promise((resolve) => state.ends.push(resolve)),
    onRoom: () => {},
    onError: (error) => {
      throw error;
    },
    nowMs: () => state.nowMs,
  });
  /** Ends all that was begun. */
  const end = async () => {
    for (const resolve of state.ends.splice(0)) resolve();
    await new Promise(setImmediate);
  };
  return { queue, state, claims, open: open.resolve, end };
}

test("what is planned goes behind older ones that are being claimed, and has places once they are claimed", async () => {
  const { queue, open, end } = steppedQueue();
  queue.offer("normal", ["older"], leaseUntilMs);
  expect(await queue.places("normal").take(1, 1)).toBe(0);
  const taken = queue.places("normal").take(1, 60_000);
  open();
  expect(await taken).toBe(1);
  await end();
  await queue.stop();
});

test("no more is claimed ahead than was sent lately: a receiver that hangs now had its answers long ago", async () => {
  const { queue, state, claims, open, end } = steppedQueue();
  for (let nth = 0; nth < 10; nth += 1) {
    queue.take("normal", idsOf(4, nth * 4));
    await end();
  }
  state.nowMs = 1000;
  queue.offer("normal", idsOf(100, 40), leaseUntilMs);
  open();
  await new Promise(setImmediate);
  expect(claims).toEqual([4, 4]);
  while (queue.counts().waiting + queue.counts().sending > 0) await end();
  await queue.stop();
});
