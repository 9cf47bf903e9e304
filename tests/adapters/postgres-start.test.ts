/** Why a start on a database is refused, in words that say what to do and never the password. */
import { expect, test } from "bun:test";
import { openPostgresDatabase } from "../../src/adapters/database-postgres.ts";
import { startErrorOf, tooOldError } from "../../src/adapters/postgres-start.ts";
import { type OwnDatabase, onServer, sharedServer, testDatabase } from "../databases.ts";
import { postgresOptions, quiet } from "./postgres-options.ts";

async function refusal(url: string): Promise<string> {
  try {
    const db = await openPostgresDatabase(postgresOptions(url, { databaseConnectTimeoutMs: 500 }), quiet);
    await db.close();
  } catch (error) {
    expect((error as Error).name).toBe("StartError");
    expect((error as Error).message).not.toContain("s3cret");
    return (error as Error).message;
  }
  throw new Error("it started");
}

function changed({ url }: OwnDatabase, change: (url: URL) => void): string {
  const copy = new URL(url);
  copy.password = "s3cret";
  change(copy);
  return copy.href;
}

test("no server answers", async () => {
  await using own = await testDatabase();
  const url = changed(own, (at) => {
    at.port = "1";
  });
  expect(await refusal(url)).toMatch(
    /^No PostgreSQL server answers at 127\.0\.0\.1:1: .* in DATABASE_URL\.$/,
  );
});

test("no such database", async () => {
  await using own = await testDatabase();
  const url = changed(own, (at) => {
    at.pathname = "/nothing_here";
  });
  expect(await refusal(url)).toMatch(/has no database "nothing_here"\. Make it .* in DATABASE_URL\.$/);
});

test("no such user", async () => {
  await using own = await testDatabase();
  const url = changed(own, (at) => {
    at.username = "nobody_here";
  });
  expect(await refusal(url)).toMatch(/refuses the user "nobody_here": .* in DATABASE_URL\.$/);
});

test("no right to make tables", async () => {
  await using own = await testDatabase();
  const role = `reader_${own.url.slice(-12)}`;
  await onServer(sharedServer(), (sql) => sql.unsafe(`create role ${role} login`));
  try {
    const url = changed(own, (at) => {
      at.username = role;
    });
    expect(await refusal(url)).toMatch(/may not make tables in .* Grant it: .* in DATABASE_URL\.$/);
  } finally {
    await onServer(sharedServer(), (sql) => sql.unsafe(`drop role ${role}`));
  }
});

test("a wrong password, and a server that is too old", () => {
  const url = "postgres://ana:s3cret@db.example.com:5432/shop";
  const wrong = Object.assign(new Error('password authentication failed for user "ana"'), { code: "28P01" });
  expect(String(startErrorOf(wrong, url))).toMatch(
    /db\.example\.com:5432 refuses the user "ana": .* Correct user and password in DATABASE_URL/,
  );
  expect(tooOldError(url, "14.2").message).toBe(
    "The PostgreSQL server at db.example.com:5432 is of version 14.2; Carillon needs 15 or newer. Upgrade it, or name another in DATABASE_URL.",
  );
});
