import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { sql } from "drizzle-orm";
import { migrate } from "../../db/migrate.ts";
import { rowsOf, statement } from "../../db/statement.ts";
import type { Database } from "../../src/ports.ts";

/** A database of the test's own, empty. */
export interface TestDatabase extends AsyncDisposable {
  readonly db: Database;
  /** Closes it and opens it anew. */
  reopen(): Promise<void>;
}

setDefaultTimeout(30_000);

const p = sql.placeholder;
const makeCounters = sql`create table counters (id int primary key, value int not null check (value < 1000))`;
const insertCounter = statement<{ id: number; value: number }>(
  "insertCounter",
  sql`insert into counters values (${p("id")}::int, ${p("value")}::int)`,
);
const addToCounter = statement<{ id: number; by: number }, { value: number }>(
  "addToCounter",
  sql`update counters set value = value + ${p("by")}::int where id = ${p("id")}::int returning value`,
);

const echo = statement<{ words: (string | null)[]; json: string; at: string }, Record<string, unknown>>(
  "echo",
  sql`select ${p("words")}::text[] as words, ${p("json")}::text::jsonb as json,
    extract(epoch from ${p("at")}::timestamptz)::float8 * 1000 as at`,
);

async function values({ orm }: Database): Promise<Record<number, number>> {
  const rows = rowsOf<{ id: number; value: number }>(await orm.execute(sql`select id, value from counters`));
  return Object.fromEntries(rows.map(({ id, value }) => [id, value]));
}

/** The SQLSTATE that a piece of work is refused with, or the message of another error. */
async function refusalOf(work: PromiseLike<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    const { cause, message } = error as Error;
    return (cause as { code?: string } | undefined)?.code ?? message;
  }
  throw new Error("nothing was refused");
}

/** What src/ports.ts promises of a Database, held against one implementation. */
export function databaseContract(name: string, open: () => Promise<TestDatabase>): void {
  async function openWithCounters(): Promise<TestDatabase> {
    const opened = await open();
    await opened.db.orm.execute(makeCounters);
    return opened;
  }

  describe(`the ${name} database`, () => {
    test("keeps what a statement that resolved has written, over closing and opening too", async () => {
      await using opened = await openWithCounters();
      await insertCounter(opened.db.orm, { id: 1, value: 17 });
      expect(await values(opened.db)).toEqual({ 1: 17 });

      await opened.reopen();

      expect(await values(opened.db)).toEqual({ 1: 17 });
      expect(await addToCounter(opened.db.orm, { id: 1, by: 3 })).toEqual([{ value: 20 }]);
    });

    test("changes nothing by a statement that fails, and goes on with the next", async () => {
      await using opened = await openWithCounters();
      const { db } = opened;
      await insertCounter(db.orm, { id: 1, value: 1 });

      const threeRows = sql`insert into counters values (2, 2), (3, 3), (1, 1)`;
      const refused = [
        refusalOf(db.orm.execute(threeRows)),
        refusalOf(insertCounter(db.orm, { id: 1, value: 2 })),
      ];
      await insertCounter(db.orm, { id: 4, value: 4 });
      expect(await Promise.all(refused)).toEqual(["23505", "23505"]);

      expect(await values(db)).toEqual({ 1: 1, 4: 4 });
    });

    test("says by its SQLSTATE what was wrong", async () => {
      await using opened = await openWithCounters();
      const { orm } = opened.db;
      await insertCounter(orm, { id: 1, value: 1 });

      expect(await refusalOf(insertCounter(orm, { id: 1, value: 1 }))).toBe("23505");
      expect(await refusalOf(insertCounter(orm, { id: 2, value: 1000 }))).toBe("23514");
      expect(await refusalOf(orm.execute(sql`select 1 from nowhere`))).toBe("42P01");
    });

    test("takes back all of a transaction that throws, by a statement or by ourselves", async () => {
      await using opened = await openWithCounters();
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
      await using opened = await openWithCounters();
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
      await using opened = await openWithCounters();
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

    test("runs a prepared statement on a table that has changed since", async () => {
      await using opened = await openWithCounters();
      const { orm } = opened.db;
      await insertCounter(orm, { id: 1, value: 1 });
      await orm.execute(sql`alter table counters add column note text`);
      await orm.execute(sql`create index counters_value on counters (value)`);

      await orm.execute(sql`alter table counters alter column note set default 'new'`);
      expect(await addToCounter(orm, { id: 1, by: 1 })).toEqual([{ value: 2 }]);
      await orm.execute(sql`insert into counters (id, value) values (2, 2)`);
      expect(await addToCounter(orm, { id: 2, by: 1 })).toEqual([{ value: 3 }]);
    });

    test("gives back what it was given: text of any script, objects, nulls within arrays, times", async () => {
      await using opened = await openWithCounters();
      const words = ["plain", null, 'quoted "and" \\slashed\\', "{braced, and}", "Ünïcödé 🔔", ""];
      const json = { nested: { list: [1, null, "two"] }, empty: {} };
      const at = "2026-03-02T10:00:00.123Z";

      const [row] = await echo(opened.db.orm, { words, json: JSON.stringify(json), at });
      expect(row).toEqual({ words, json, at: Date.parse(at) });
    });

    test("is maintained while it is used", async () => {
      await using opened = await openWithCounters();
      const { db } = opened;
      await migrate(db.orm);
      const writes = Array.from({ length: 20 }, (_, id) => insertCounter(db.orm, { id, value: id }));
      await Promise.all([...writes, db.maintain()]);
      expect(Object.keys(await values(db))).toHaveLength(20);
    });
  });
}
