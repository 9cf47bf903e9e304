/** When more is refused, by a clock that is stepped by hand. */
import { expect, test } from "bun:test";
import { createFairQueue } from "../../src/pipeline/fair-queue.ts";
import { createGate } from "../../src/pipeline/gate.ts";

const [critical, high, normal, low] = [0, 1, 2, 3];
const lanes = { critical, high, normal, low };
const waitMs = 400;

/** A gate before a queue that something of each owner waits in, since the beginning. */
function aGate(owners: string[], { rowsMax = 1000 } = {}) {
  const queue = createFairQueue<string>({ lanes: 4, turnRows: 1 });
  const time = { ms: 0 };
  for (const lane of Object.values(lanes)) {
    for (const owner of owners) queue.push({ item: owner, rows: 1, sinceMs: 0, place: { lane, owner } });
  }
  const gate = createGate({ queue, waitMs, rowsMax, now: () => time.ms });
  /** A flush begins that takes nothing of what waits. */
  const flushAt = (ms: number) => {
    time.ms = ms;
    gate.look();
  };
  const refusedOf = (owner: string) =>
    Object.entries(lanes)
      .filter(([, lane]) => gate.full({ lane, owner }, 1) === "wait")
      .map(([name]) => name);
  return { gate, queue, time, flushAt, refusedOf };
}

test("a burst may wait for a second, and what comes after it is taken", () => {
  const { flushAt, refusedOf } = aGate(["a"]);
  flushAt(500);
  flushAt(1000);
  expect(refusedOf("a")).toEqual([]);
});

test("with a queue that stands, the lower lanes are refused sooner than the higher", () => {
  for (const [waitedMs, refused] of [
    [90, []],
    [110, ["low"]],
    [210, ["normal", "low"]],
    [310, ["high", "normal", "low"]],
    [410, ["critical", "high", "normal", "low"]],
  ] as const) {
    const { flushAt, refusedOf, queue, time } = aGate([]);
    // Each flush finds something that has waited as long, for longer than a burst lasts.
    for (let ms = 0; ms <= 2000; ms += 10) {
      queue.takeOlder(() => Number.POSITIVE_INFINITY);
      for (const lane of Object.values(lanes)) {
        queue.push({ item: "", rows: 1, sinceMs: ms - waitedMs, place: { lane, owner: "a" } });
      }
      flushAt(ms);
    }
    expect({ waitedMs, refused: refusedOf("a") }).toEqual({ waitedMs, refused: [...refused] });
    expect(time.ms).toBe(2000);
  }
});

test("an owner with nothing in the queue is taken while the one that fills it is refused", () => {
  const { flushAt, refusedOf } = aGate(["flood"]);
  flushAt(500);
  flushAt(1600);
  expect(refusedOf("flood")).toEqual(["critical", "high", "normal", "low"]);
  expect(refusedOf("other")).toEqual([]);
});

test("what waits already is refused after a second where more is offered than taken, and after five where nothing is", () => {
  const { gate, flushAt, time } = aGate(["a"]);
  flushAt(50);
  time.ms = 4000;
  expect({ stands: gate.stands(low), waitMaxMs: gate.waitMaxMs(low) }).toEqual({
    stands: false,
    waitMaxMs: 5000,
  });

  flushAt(4000);
  flushAt(5000);
  expect({ stands: gate.stands(low), waitMaxMs: gate.waitMaxMs(low) }).toEqual({
    stands: true,
    waitMaxMs: 1000,
  });
});

test("all is well once a flush finds nothing that has waited", () => {
  const { flushAt, refusedOf, queue } = aGate(["a"]);
  flushAt(500);
  flushAt(2000);
  expect(refusedOf("a")).not.toEqual([]);

  queue.take(1000);
  queue.push({ item: "next", rows: 1, sinceMs: 2000, place: { lane: normal, owner: "a" } });
  flushAt(2010);
  flushAt(2300);
  expect(refusedOf("a")).toEqual([]);
});

test("rows are bounded: the lower a lane the sooner, and one owner leaves room for another", () => {
  const { gate, queue } = aGate([], { rowsMax: 1000 });
  queue.push({ item: "", rows: 380, sinceMs: 0, place: { lane: low, owner: "a" } });
  const full = (lane: number, owner: string, rows: number) => gate.full({ lane, owner }, rows);

  expect(full(low, "a", 1)).toBe("rows");
  expect(full(low, "b", 372)).toBeNull();
  expect(full(low, "b", 373)).toBe("rows");
  expect(full(normal, "a", 240)).toBeNull();
  expect(full(normal, "a", 241)).toBe("rows");
  expect(full(critical, "a", 620)).toBeNull();
  expect(full(critical, "a", 621)).toBe("rows");
});

test("a request that is larger than the bound by itself is taken where nothing waits", () => {
  const { gate } = aGate([], { rowsMax: 10 });
  expect(gate.full({ lane: low, owner: "a" }, 1000)).toBeNull();
});
