import { expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import {
  addToCounter,
  insertCounter,
  refusalOf,
  type TestDatabase,
  values,
  withCounters,
} from "./database-counters.ts";

/** Raises an error of the server's choice. */
const raise = (state: string) =>
  sql.raw(`do $$ begin raise exception 'asked for' using errcode = '${state}'; end $$`);

/** What src/ports.ts promises of a Database's transactions. */
export function transactionsContract(open: () => Promise<TestDatabase>): void {
  test("takes back all of a transaction that throws, by a statement or by ourselves", async () => {
    await using opened = await withCounters(open);
    const { db } = opened;
    await insertCounter(db.orm, { id: 1, value: 1 });

    const byStatement = db.orm.transaction(async (tx) => {
      await addToCounter(tx, { id: 1, by: 1 });
      await insertCounter(tx, { id: 1, value: 1 });
    });
    const byOurselves = db.orm.transaction(async (tx) => {
      await addToCounter(tx, { id: 1, by: 1 });
      await insertCounter(tx, { id: 2, value: 2 });
      throw new Error("we changed our mind");
    });

    expect(await Promise.all([refusalOf(byStatement), refusalOf(byOurselves)])).toEqual([
      "23505",
      "we changed our mind",
    ]);
    expect(await values(db)).toEqual({ 1: 1 });
  });

  test("shows a transaction to itself at once, and to others only when it is committed", async () => {
    await using opened = await withCounters(open);
    const { db } = opened;
    const seen: unknown[] = [];
    const asked = Promise.withResolvers<Record<number, number>>();

    await db.orm.transaction(async (tx) => {
      await insertCounter(tx, { id: 1, value: 1 });
      // Asked for now; one that has a single connection answers after the transaction.
      asked.resolve(values(db));
      seen.push(await addToCounter(tx, { id: 1, by: 1 }));
      await insertCounter(tx, { id: 2, value: 2 });
    });

    expect(seen).toEqual([[{ value: 2 }]]);
    expect([{}, { 1: 2, 2: 2 }]).toContainEqual(await asked.promise);
    expect(await values(db)).toEqual({ 1: 2, 2: 2 });
  });

  test("loses no update of transactions that run at the same time, and mixes none with another", async () => {
    await using opened = await withCounters(open);
    const { db } = opened;
    await insertCounter(db.orm, { id: 1, value: 0 });
    await insertCounter(db.orm, { id: 2, value: 0 });

    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, nth) =>
        db.orm.transaction(async (tx) => {
          await addToCounter(tx, { id: 1, by: 1 });
          if (nth % 4 === 0) throw new Error("taken back");
          await addToCounter(tx, { id: 2, by: 1 });
        }),
      ),
    );

    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(30);
    expect(await values(db)).toEqual({ 1: 30, 2: 30 });
  });

  test("begins a transaction anew that the server took back, and no other", async () => {
    await using opened = await withCounters(open);
    const { db } = opened;
    await insertCounter(db.orm, { id: 1, value: 0 });
    let begun = 0;
    const failingWith = (state: string, times: number) =>
      db.transaction(async (tx) => {
        begun += 1;
        const [row] = await addToCounter(tx, { id: 1, by: 1 });
        if (begun <= times) await tx.execute(raise(state));
        return row?.value;
      });

    expect(await failingWith("40001", 2)).toBe(1);
    expect(begun).toBeGreaterThanOrEqual(3);
    begun = 0;
    expect(await refusalOf(failingWith("40001", 100))).toBe("40001");
    expect(begun).toBe(5);
    begun = 0;
    expect(await refusalOf(failingWith("23505", 1))).toBe("23505");
    expect(begun).toBe(1);
    expect(await values(db)).toEqual({ 1: 1 });
  });

  test("takes back what was done in an inner transaction alone", async () => {
    await using opened = await withCounters(open);
    const { db } = opened;
    await db.transaction(async (tx) => {
      await insertCounter(tx, { id: 1, value: 1 });
      const inner = tx.transaction(async (nested) => {
        await insertCounter(nested, { id: 2, value: 2 });
        await insertCounter(nested, { id: 1, value: 1 });
      });
      expect(await refusalOf(inner)).toBe("23505");
      await tx.transaction((nested) => insertCounter(nested, { id: 3, value: 3 }));
    });
    expect(await values(db)).toEqual({ 1: 1, 3: 3 });
  });
}
