import { expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { databaseContract } from "./database.contract.ts";
import { pgliteDatabase } from "./pglite-database.ts";

databaseContract("PGlite", pgliteDatabase);

test("PGlite leaves the process time for its sockets and timers while statements wait for each other", async () => {
  await using database = await pgliteDatabase();
  const statement = sql`SELECT count(*) FROM generate_series(1, 30000)`;
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 1);
  const statements = 50;
  await Promise.all(Array.from({ length: statements }, () => database.db.orm.execute(statement)));
  clearInterval(timer);
  expect(turns).toBeGreaterThan(3);
});
