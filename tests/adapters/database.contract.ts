import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { sql } from "drizzle-orm";
import { migrate } from "../../db/migrate.ts";
import { rowsOf, statement } from "../../db/statement.ts";
import type { Database } from "../../src/ports.ts";
import { eventually } from "../eventually.ts";

/** A database of the test's own, empty. */
export interface TestDatabase extends AsyncDisposable {
  readonly db: Database;
  /** Closes it and opens it anew. */
  reopen(): Promise<void>;
  /** Opens it once more beside the first, as another process does. Not for one that can be open only once. */
  another?(): Promise<Database>;
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

/** Raises an error of the server's choice. */
const raise = (state: string) =>
  sql.raw(`do $$ begin raise exception 'asked for' using errcode = '${state}'; end $$`);

/**
 * What src/ports.ts promises of a Database, held against one implementation.
 *
 * @param shared whether several processes can have it open, and several transactions run at once
 */
export function databaseContract(
  name: string,
  { shared }: { shared: boolean },
  open: () => Promise<TestDatabase>,
): void {
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

    test("begins a transaction anew that the server took back, and no other", async () => {
      await using opened = await openWithCounters();
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
      await using opened = await openWithCounters();
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

    test("reads a million rows in the memory of a few", async () => {
      await using opened = await open();
      const { db } = opened;
      const million = sql`select nth::int as nth, repeat('x', 100) as text from generate_series(1, 1000000) as nth`;
      const peaksBytes = [0, 0];
      let last = 0;
      for await (const rows of db.cursorQuery<{ nth: number; text: string }>(million, 5000)) {
        expect(rows.length).toBeLessThanOrEqual(5000);
        expect(rows[0]?.nth).toBe(last + 1);
        last = rows.at(-1)?.nth ?? 0;
        const half = last <= 500_000 ? 0 : 1;
        peaksBytes[half] = Math.max(peaksBytes[half] ?? 0, process.memoryUsage.rss());
      }
      expect(last).toBe(1_000_000);
      const [first = 0, second = 0] = peaksBytes;
      // The second half would be some 200 MB; what the collector leaves lying about is there after the first.
      expect(second - first).toBeLessThan(100 * 1024 * 1024);
    });

    test("answers others while a cursor is read, and is as before once its reader has had enough", async () => {
      await using opened = await openWithCounters();
      const { db } = opened;
      const rows = sql`select nth from generate_series(1, 10000) as nth`;
      for (let nth = 0; nth < 20; nth++) {
        for await (const batch of db.cursorQuery(rows, 100)) {
          expect(batch).toHaveLength(100);
          await insertCounter(db.orm, { id: nth, value: nth });
          break;
        }
      }
      const failing = async () => {
        for await (const _ of db.cursorQuery(
          sql`select 1 / (nth - 150) from generate_series(1, 300) as nth`,
          100,
        ));
      };
      expect(await refusalOf(failing())).toBe("22012");
      expect(Object.keys(await values(db))).toHaveLength(20);
    });

    if (shared) sharedContract(openWithCounters);

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

/** What more is promised of one that several processes have open. */
function sharedContract(open: () => Promise<TestDatabase>): void {
  test("begins a transaction anew that was in a deadlock with another", async () => {
    await using opened = await open();
    const { db } = opened;
    await insertCounter(db.orm, { id: 1, value: 0 });
    await insertCounter(db.orm, { id: 2, value: 0 });
    const held = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let begun = 0;
    const cross = (mine: 0 | 1) =>
      db.transaction(async (tx) => {
        begun += 1;
        await addToCounter(tx, { id: mine + 1, by: 1 });
        held[mine]?.resolve();
        await held[1 - mine]?.promise;
        await addToCounter(tx, { id: 2 - mine, by: 1 });
      });

    await Promise.all([cross(0), cross(1)]);
    expect(begun).toBeGreaterThanOrEqual(3);
    expect(await values(db)).toEqual({ 1: 2, 2: 2 });
  });

  test("carries signals to others, not to oneself, whole and in order", async () => {
    await using opened = await open();
    const other = await opened.another?.();
    if (other === undefined) throw new Error("it cannot be opened twice");
    try {
      const mine: string[] = [];
      const theirs: string[] = [];
      const woken: string[] = [];
      opened.db.signals.listen(
        "forget",
        (payload) => mine.push(payload),
        () => {},
      );
      other.signals.listen(
        "forget",
        (payload) => theirs.push(payload),
        () => {},
      );
      other.signals.listen(
        "wake",
        (payload) => woken.push(payload),
        () => {},
      );
      await eventually(() => opened.db.signals.heard() && other.signals.heard());

      const keys = Array.from({ length: 2000 }, (_, nth) => `user:ünïcödé:${nth}`);
      await opened.db.signals.send("forget", keys.join("\n"));
      await opened.db.signals.send("wake", "");
      await eventually(() => woken.length > 0);
      expect(theirs.join("\n").split("\n")).toEqual(keys);
      expect(woken).toEqual([""]);

      await other.signals.send("forget", "one");
      await eventually(() => mine.length > 0);
      expect(mine).toEqual(["one"]);
    } finally {
      await other.close();
    }
    // Nobody hears it, and nothing happens.
    await opened.db.signals.send("forget", "two");
  });
}
