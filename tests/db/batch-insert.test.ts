import { afterAll, beforeAll, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { integer, jsonb, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { batchInsert } from "../../db/batch-insert.ts";
import { newId } from "../../db/id.ts";
import { nameOfStatement, rowsOf, statementOf } from "../../db/statement.ts";
import { openPostgresDatabase } from "../../src/adapters/database-postgres.ts";
import type { Database } from "../../src/ports.ts";
import { postgresOptions, quiet } from "../adapters/postgres-options.ts";
import { type OwnDatabase, testDatabase } from "../databases.ts";

const things = pgTable("things", {
  id: uuid("id").primaryKey(),
  word: text("word"),
  count: integer("count").notNull(),
  facts: jsonb("facts"),
  at: timestamp("at", { withTimezone: true }),
});

type Columns = {
  ids: string[];
  words: (string | null)[];
  counts: number[];
  facts: (string | null)[];
  times: (string | null)[];
};

const insertThings = batchInsert<Columns, { id: string }>("insertThings", things, {
  arrays: {
    ids: things.id,
    words: things.word,
    counts: things.count,
    facts: things.facts,
    times: things.at,
  },
  tail: sql`on conflict (id) do update set count = things.count + excluded.count returning id`,
});

let own: OwnDatabase;
let db: Database;
beforeAll(async () => {
  own = await testDatabase();
  db = await openPostgresDatabase(postgresOptions(own.url), quiet);
  await db.orm.execute(
    sql`create table things (id uuid primary key, word text, count int not null, facts jsonb, at timestamptz)`,
  );
});
afterAll(async () => {
  await db.close();
  await own[Symbol.asyncDispose]();
});

const at = "2026-03-02T10:00:00.000Z";

function columns(rows: number): Columns {
  const nths = Array.from({ length: rows }, (_, nth) => nth);
  return {
    ids: nths.map(() => newId(Date.parse(at))),
    words: nths.map((nth) => (nth % 3 === 0 ? null : `word "${nth}", {\\}`)),
    counts: nths,
    facts: nths.map((nth) => (nth % 2 === 0 ? null : JSON.stringify({ nth, text: "a 'quoted' \" one" }))),
    times: nths.map((nth) => (nth % 5 === 0 ? null : at)),
  };
}

test("every value arrives as its column's type, nulls and JSON objects among them", async () => {
  const given = columns(30);
  const inserted = await insertThings(db.orm, given);
  expect(inserted.map(({ id }) => id).toSorted()).toEqual(given.ids.toSorted());

  const found = rowsOf<Record<string, unknown>>(
    await db.orm.execute(sql`
      select id, word, count, facts, jsonb_typeof(facts) as type, (extract(epoch from at) * 1000)::float8 as ms
      from things where id = any(${sql.param(given.ids)}::uuid[]) order by count`),
  );
  expect(found).toEqual(
    given.ids.map((id, nth) => ({
      id,
      word: given.words[nth],
      count: nth,
      facts: JSON.parse(given.facts[nth] ?? "null"),
      type: given.facts[nth] === null ? null : "object",
      ms: given.times[nth] === null ? null : Date.parse(at),
    })),
  );
});

test("more rows than a statement takes are inserted by several, and each row's answer is given", async () => {
  const given = columns(1203);
  expect(await insertThings(db.orm, given)).toHaveLength(1203);
  expect(await insertThings(db.orm, given, 100)).toHaveLength(1203);
  const [sum] = rowsOf<{ rows: number; sum: number }>(
    await db.orm.execute(sql`
      select count(*)::int as rows, sum(count)::int as sum from things
      where id = any(${sql.param(given.ids)}::uuid[])`),
  );
  expect(sum).toEqual({ rows: 1203, sum: 2 * ((1202 * 1203) / 2) });
});

test("the statement is prepared, under its name, once a connection", async () => {
  const name = nameOfStatement(statementOf("insertThings")?.sql ?? "");
  expect(name).toBe("insertThings");
  await db.transaction(async (tx) => {
    for (const rows of [1, 7, 60]) await insertThings(tx, columns(rows));
    const kept = rowsOf<{ count: number }>(
      await tx.execute(sql`
        select count(*)::int as count from pg_prepared_statements where statement like '%insert into "things"%'`),
    );
    expect(kept).toEqual([{ count: 1 }]);
  });
});
