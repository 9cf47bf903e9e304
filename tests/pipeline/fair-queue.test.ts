/** Who of those that wait goes first. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { createFairQueue } from "../../src/pipeline/fair-queue.ts";
import { eventually } from "../eventually.ts";

interface Item {
  nth: number;
  lane: number;
  owner: string;
  rows: number;
}

const items = fc
  .array(
    fc.record({
      lane: fc.integer({ min: 0, max: 3 }),
      owner: fc.constantFrom("a", "b", "c"),
      rows: fc.integer({ min: 1, max: 300 }),
    }),
    { maxLength: 80 },
  )
  .map((made): Item[] => made.map((item, nth) => ({ ...item, nth })));

function queueOf(given: Item[]) {
  const queue = createFairQueue<Item>({ lanes: 4, turnRows: 100 });
  for (const item of given) {
    const { lane, owner, rows, nth } = item;
    queue.push({ item, rows, sinceMs: nth, place: { lane, owner } });
  }
  return queue;
}

const sum = (rows: number[]) => rows.reduce((total, one) => total + one, 0);

test("everything is given once, an owner's first lanes first and each in its order, and no batch has too many rows", () => {
  const property = fc.property(items, fc.integer({ min: 1, max: 500 }), (given, rowsMax) => {
    const queue = queueOf(given);
    const taken: Item[] = [];
    while (queue.items() > 0) {
      const left = sum(given.map(({ rows }) => rows)) - sum(taken.map(({ rows }) => rows));
      expect(queue.rows()).toBe(left);
      const batch = queue.take(rowsMax).map(({ item }) => item);
      expect(batch.length).toBeGreaterThan(0);
      expect(sum(batch.map(({ rows }) => rows)) <= rowsMax || batch.length === 1).toBe(true);
      taken.push(...batch);
    }
    for (const [, own] of Map.groupBy(taken, ({ owner }) => owner)) {
      expect(own).toEqual(own.toSorted((a, b) => a.lane - b.lane || a.nth - b.nth));
    }
    expect(taken.length).toBe(given.length);
    expect(queue.take(rowsMax)).toEqual([]);
  });
  fc.assert(property);
});

test("of two owners, each gets the same number of rows, whatever the size of its items", () => {
  const large = Array.from({ length: 20 }, (_, nth) => ({ nth, lane: 0, owner: "large", rows: 1000 }));
  const small = Array.from({ length: 5000 }, (_, nth) => ({ nth, lane: 3, owner: "small", rows: 1 }));
  const queue = queueOf([...large, ...small]);
  const taken = Array.from({ length: 8 }, () => queue.take(1000)).flat();
  const rows = Map.groupBy(taken, ({ place }) => place.owner);

  expect(sum((rows.get("large") ?? []).map((one) => one.rows))).toBeGreaterThanOrEqual(3000);
  expect(sum((rows.get("small") ?? []).map((one) => one.rows))).toBeGreaterThanOrEqual(3000);
});

test("what came before a lane's time is taken out, and the rest keeps its turn", () => {
  const property = fc.property(
    items,
    fc.array(fc.integer({ min: 0, max: 80 }), { minLength: 4 }),
    (given, until) => {
      const queue = queueOf(given);
      const older = queue.takeOlder((lane) => until[lane] ?? 0).map(({ item }) => item.nth);
      const isOlder = ({ nth, lane }: Item) => nth < (until[lane] ?? 0);

      expect(older.sort()).toEqual(
        given
          .filter(isOlder)
          .map(({ nth }) => nth)
          .sort(),
      );
      for (const lane of [0, 1, 2, 3]) {
        const here = given.filter((item) => item.lane === lane && !isOlder(item));
        expect(queue.oldestIn(lane)).toBe(here[0]?.nth ?? null);
        const own = here.filter(({ owner }) => owner === "a");
        expect(queue.oldestOf({ lane, owner: "a" })).toBe(own[0]?.nth ?? null);
      }
      const ofA = given.filter((item) => item.owner === "a" && !isOlder(item));
      expect(queue.rowsOf("a")).toBe(sum(ofA.map(({ rows }) => rows)));
      const rest = queue.take(1_000_000).map(({ item }) => item.nth);
      expect(rest.sort()).toEqual(
        given
          .filter((item) => !isOlder(item))
          .map(({ nth }) => nth)
          .sort(),
      );
    },
  );
  fc.assert(property);
});

test("what was taken is not kept, though its lane never runs empty", async () => {
  const queue = createFairQueue<object>({ lanes: 1, turnRows: 1 });
  const place = { owner: "a", lane: 0 };
  const push = () => {
    const item = {};
    queue.push({ item, rows: 1, sinceMs: 0, place });
    return new WeakRef(item);
  };
  const pushed = Array.from({ length: 100 }, push);
  for (let nth = 0; nth < 90; nth += 1) queue.take(1);

  await eventually(() => {
    Bun.gc(true);
    return pushed.filter((item) => item.deref() !== undefined).length <= 20;
  });
  expect(queue.items()).toBe(10);
});
