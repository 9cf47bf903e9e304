import { heapStats } from "bun:jsc";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { sql } from "drizzle-orm";
import { migrate } from "../../db/migrate.ts";
import { statement } from "../../db/statement.ts";
import {
  addToCounter,
  insertCounter,
  refusalOf,
  type TestDatabase,
  values,
  withCounters,
} from "./database-counters.ts";
import { transactionsContract } from "./database-transactions.contract.ts";

setDefaultTimeout(30_000);

const p = sql.placeholder;
const echo = statement<{ words: (string | null)[]; json: string; at: string }, Record<string, unknown>>(
  "echo",
  sql`select ${p("words")}::text[] as words, ${p("json")}::text::jsonb as json,
    extract(epoch from ${p("at")}::timestamptz)::float8 * 1000 as at`,
);

/** What src/ports.ts promises of a Database, held against one implementation. */
export function databaseContract(name: string, open: () => Promise<TestDatabase>): void {
  describe(`the ${name} database`, () => {
    test("keeps what a statement that resolved has written, over closing and opening too", async () => {
      await using opened = await withCounters(open);
      await insertCounter(opened.db.orm, { id: 1, value: 17 });
      expect(await values(opened.db)).toEqual({ 1: 17 });

      await opened.reopen();

      expect(await values(opened.db)).toEqual({ 1: 17 });
      expect(await addToCounter(opened.db.orm, { id: 1, by: 3 })).toEqual([{ value: 20 }]);
    });

    test("changes nothing by a statement that fails, and goes on with the next", async () => {
      await using opened = await withCounters(open);
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
      await using opened = await withCounters(open);
      const { orm } = opened.db;
      await insertCounter(orm, { id: 1, value: 1 });

      expect(await refusalOf(insertCounter(orm, { id: 1, value: 1 }))).toBe("23505");
      expect(await refusalOf(insertCounter(orm, { id: 2, value: 1000 }))).toBe("23514");
      expect(await refusalOf(orm.execute(sql`select 1 from nowhere`))).toBe("42P01");
    });

    transactionsContract(open);

    test("reads a million rows in the memory of a few", async () => {
      await using opened = await open();
      const { db } = opened;
      await db.orm.execute(sql`
        create table million as select nth::int as nth, repeat('x', 100) as text from generate_series(1, 1000000) as nth`);
      await db.orm.execute(sql`alter table million add primary key (nth)`);
      const million = sql`select nth, text from million`;
      const liveBytes: number[] = [];
      let last = 0;
      for await (const rows of db.cursorQuery<{ nth: number; text: string }>(million, "nth", 5000)) {
        expect(rows.length).toBeLessThanOrEqual(5000);
        expect(rows[0]?.nth).toBe(last + 1);
        last = rows.at(-1)?.nth ?? 0;
        if (last % 100_000 > 0) continue;
        // What nobody holds any more is no memory that it needs, whenever the collector would have come to it.
        Bun.gc(true);
        liveBytes.push(heapStats().heapSize);
      }
      expect(last).toBe(1_000_000);
      // All rows would be some 200 MB.
      expect(Math.max(...liveBytes) - Math.min(...liveBytes)).toBeLessThan(20 * 1024 * 1024);
    });

    test("answers others while a cursor is read, and is as before once its reader has had enough", async () => {
      await using opened = await withCounters(open);
      const { db } = opened;
      const rows = sql`select nth from generate_series(1, 10000) as nth`;
      for (let nth = 0; nth < 20; nth++) {
        for await (const batch of db.cursorQuery(rows, "nth", 100)) {
          expect(batch).toHaveLength(100);
          await insertCounter(db.orm, { id: nth, value: nth });
          break;
        }
      }
      const failing = async () => {
        for await (const _ of db.cursorQuery(
          sql`select nth, 1 / (nth - 150) from generate_series(1, 300) as nth`,
          "nth",
          100,
        ));
      };
      expect(await refusalOf(failing())).toBe("22012");
      expect(Object.keys(await values(db))).toHaveLength(20);
    });

    test("reads what stood when it began, each once, whatever comes and goes meanwhile", async () => {
      await using opened = await withCounters(open);
      const { db } = opened;
      for (let id = 1; id <= 10; id++) await insertCounter(db.orm, { id: id * 10, value: 0 });
      const batches = db.cursorQuery<{ id: number; value: number }>(
        sql`select id, value from counters where value < 5`,
        "id",
        2,
      );
      const read = new Map<number, number>();
      for await (const batch of batches) {
        for (const { id, value } of batch) {
          expect(read.has(id)).toBe(false);
          read.set(id, value);
        }
        if (read.size > 2) continue;
        await insertCounter(db.orm, { id: 1, value: 0 });
        await insertCounter(db.orm, { id: 101, value: 0 });
        await addToCounter(db.orm, { id: 10, by: 1 });
        await addToCounter(db.orm, { id: 50, by: 1 });
        await addToCounter(db.orm, { id: 60, by: 5 });
        await db.orm.execute(sql`delete from counters where id in (20, 70)`);
      }
      const ids = [...read.keys()];
      expect(ids).toEqual(ids.toSorted((a, b) => a - b));
      // As they were, or as they are: with 60 and 70, or without.
      expect(ids.filter((id) => id !== 60 && id !== 70)).toEqual([10, 20, 30, 40, 50, 80, 90, 100]);
      expect([0, 1]).toContain(read.get(50) as number);
    });

    test("runs a prepared statement on a table that has changed since", async () => {
      await using opened = await withCounters(open);
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
      await using opened = await withCounters(open);
      const words = ["plain", null, 'quoted "and" \\slashed\\', "{braced, and}", "Ünïcödé 🔔", ""];
      const json = { nested: { list: [1, null, "two"] }, empty: {} };
      const at = "2026-03-02T10:00:00.123Z";

      const [row] = await echo(opened.db.orm, { words, json: JSON.stringify(json), at });
      expect(row).toEqual({ words, json, at: Date.parse(at) });
    });

    test("is maintained while it is used", async () => {
      await using opened = await withCounters(open);
      const { db } = opened;
      await migrate(db.orm);
      const writes = Array.from({ length: 20 }, (_, id) => insertCounter(db.orm, { id, value: id }));
      await Promise.all([...writes, db.maintain()]);
      expect(Object.keys(await values(db))).toHaveLength(20);
    });
  });
}
