/** Gathers what arrives while earlier flushes are under way. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Batcher, type BatchOptions, createBatcher } from "../../src/pipeline/batch.ts";
import { eventually } from "../eventually.ts";

interface Item {
  nth: number;
  rows: number;
  /** `alone`: its own result is an error. `all`: the flush that it is in throws. */
  fails: "no" | "alone" | "all";
}

const items = fc
  .array(
    fc.record({
      rows: fc.integer({ min: 1, max: 8 }),
      fails: fc.constantFrom("no", "no", "no", "no", "alone", "all"),
      /** Whether the next one arrives only after a turn of the event loop. */
      pause: fc.boolean(),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((made) => made.map((item, nth) => ({ ...item, nth }) as Item & { pause: boolean }));

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const bounds = { rowsMax: fc.integer({ min: 1, max: 10 }), inFlightMax: fc.integer({ min: 1, max: 4 }) };

describe("a batcher", () => {
  test("keeps the order, its bounds, and gives each item its own result", async () => {
    const property = fc.asyncProperty(items, fc.record(bounds), async (given, { rowsMax, inFlightMax }) => {
      const batches: Item[][] = [];
      let inFlight = 0;
      const batcher = createBatcher<Item, number>(
        { rowsMax, inFlightMax, rowsOf: ({ rows }) => rows },
        async (batch) => {
          batches.push(batch);
          inFlight += 1;
          expect(inFlight).toBeLessThanOrEqual(inFlightMax);
          for (let turns = 0; turns < (batch[0]?.nth ?? 0) % 3; turns++) await turn();
          inFlight -= 1;
          if (batch.some(({ fails }) => fails === "all")) throw new Error("the flush failed");
          return batch.map(({ nth, fails }) => (fails === "alone" ? new Error(`item ${nth}`) : nth));
        },
      );
      const results: Promise<PromiseSettledResult<number>[]>[] = [];
      for (const item of given) {
        results.push(Promise.allSettled([batcher.add(item)]));
        if (item.pause) await turn();
      }
      await batcher.drained();
      const settled = (await Promise.all(results)).flat();

      expect(batches.flat().map(({ nth }) => nth)).toEqual(given.map(({ nth }) => nth));
      for (const batch of batches) {
        const rows = batch.reduce((sum, item) => sum + item.rows, 0);
        expect(rows <= rowsMax || batch.length === 1).toBe(true);
        const thrown = batch.some(({ fails }) => fails === "all");
        for (const { nth, fails } of batch) {
          const result = settled[nth];
          if (thrown)
            expect(result).toMatchObject({ status: "rejected", reason: { message: "the flush failed" } });
          else if (fails === "alone")
            expect(result).toMatchObject({ status: "rejected", reason: { message: `item ${nth}` } });
          else expect(result).toEqual({ status: "fulfilled", value: nth });
        }
      }
      expect(batcher.queue.items()).toBe(0);
    });
    await fc.assert(property, { numRuns: 100 });
  });

  test("flushes what came together as one, and what comes meanwhile as the next", async () => {
    const { batcher, batches, release } = gated({ rowsMax: 100, inFlightMax: 1 });
    const first = [batcher.add(1), batcher.add(2), batcher.add(3)];
    await turn();
    const second = [batcher.add(4), batcher.add(5)];
    await turn();
    expect(batches).toEqual([[1, 2, 3]]);
    expect(batcher.queue.items()).toBe(2);

    release();
    await Promise.all([...first, ...second]);
    expect(batches).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
  });

  test("has as many flushes under way as it may, and no more", async () => {
    const { batcher, batches, release } = gated({ rowsMax: 64, inFlightMax: 2, rowsOf: () => 64 });
    const added = [1, 2, 3, 4].map((item) => batcher.add(item));
    await turn();
    expect(batches).toEqual([[1], [2]]);

    release();
    await Promise.all(added);
    expect(batches).toEqual([[1], [2], [3], [4]]);
  });

  test("begins a flush beside another for many rows at once, and for few once that one takes long", async () => {
    let nowMs = 0;
    const { batcher, batches, release } = gated({
      rowsMax: 100,
      inFlightMax: 3,
      rowsOf: (item) => item,
      nowMs: () => nowMs,
    });
    const added = [batcher.add(1)];
    await turn();
    added.push(batcher.add(64));
    await turn();
    expect(batches).toEqual([[1], [64]]);

    nowMs = 9;
    added.push(batcher.add(2));
    await turn();
    added.push(batcher.add(3));
    await turn();
    expect(batches).toEqual([[1], [64]]);
    nowMs = 10;
    expect(await eventually(() => batches[2])).toEqual([2, 3]);

    release();
    await Promise.all(added);
  });

  test("is drained only once all that was added is flushed, and at once where nothing was", async () => {
    const { batcher, release } = gated({ rowsMax: 1, inFlightMax: 1 });
    await batcher.drained();
    const done: string[] = [];
    const added = [1, 2].map((item) => batcher.add(item).then(() => done.push(`item ${item}`)));
    const drained = batcher.drained().then(() => done.push("drained"));

    release();
    await Promise.all([...added, drained]);
    expect(done).toEqual(["item 1", "item 2", "drained"]);
  });

  test("refuses what waited too long, and does not flush it", async () => {
    const overdue = { timeMaxMs: () => 1, refusal: () => new Error("not now") };
    const { batcher, batches, release } = gated({ rowsMax: 1, inFlightMax: 1, overdue });
    const first = batcher.add(1);
    await turn();
    await expect(batcher.add(2)).rejects.toThrow("not now");
    expect(batcher.queue.items()).toBe(0);

    release();
    expect(await first).toBe(1);
    await batcher.drained();
    expect(batches).toEqual([[1]]);
  });
});

/** A batcher of numbers whose flushes end when they are released. */
function gated(
  options: Partial<BatchOptions<number>> & Pick<BatchOptions<number>, "rowsMax" | "inFlightMax">,
) {
  const batches: number[][] = [];
  const gate = Promise.withResolvers<void>();
  const batcher: Batcher<number, number> = createBatcher({ rowsOf: () => 1, ...options }, async (batch) => {
    batches.push(batch);
    await gate.promise;
    return batch;
  });
  return { batcher, batches, release: () => gate.resolve() };
}
