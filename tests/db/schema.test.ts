import { afterAll, beforeAll, expect, test } from "bun:test";
import { is, sql } from "drizzle-orm";
import { getTableConfig, PgTable } from "drizzle-orm/pg-core";
import { migrate, NewerSchemaError, newestVersion } from "../../db/migrate.ts";
import * as schema from "../../db/schema.ts";
import { rowsOf } from "../../db/statement.ts";
import type { Database } from "../../src/ports.ts";
import type { TestDatabase } from "../adapters/database-counters.ts";
import { pgliteDatabase } from "../adapters/pglite-database.ts";

let own: TestDatabase;
let db: Database;

beforeAll(async () => {
  own = await pgliteDatabase();
  db = own.db;
  await migrate(db.orm);
});

afterAll(() => own[Symbol.asyncDispose]());

const tables = Object.values(schema).filter((value) => is(value, PgTable));

test.each(tables.map((table) => [getTableConfig(table).name, table] as const))(
  "the migrations make the table %s as Drizzle knows it",
  async (name, table) => {
    const rows = rowsOf<{ column_name: string; type: string; nullable: boolean }>(
      await db.orm.execute(sql`
        select column_name, is_nullable = 'YES' as nullable,
          case data_type when 'ARRAY' then 'text[]' else data_type end as type
        from information_schema.columns where table_name = ${name} order by column_name`),
    );
    const known = getTableConfig(table)
      .columns.map((column) => ({
        column_name: column.name,
        nullable: !column.notNull,
        type: column.getSQLType(),
      }))
      .toSorted((a, b) => (a.column_name < b.column_name ? -1 : 1));
    expect(rows.map(({ column_name, nullable, type }) => ({ column_name, nullable, type }))).toEqual(known);
  },
);

test("migrations are applied once", async () => {
  expect(await migrate(db.orm)).toEqual([]);
});

test("a database of a newer version is refused", async () => {
  await db.orm.execute(sql`insert into schema_migrations (version) values (${newestVersion + 1})`);
  expect(migrate(db.orm)).rejects.toThrow(NewerSchemaError);
});
