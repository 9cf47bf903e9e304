import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { newestVersion } from "../db/migrate.ts";
import { carillon, expectWords } from "./command-line.ts";
import { onServer, testDatabase } from "./databases.ts";
import { tempFolder } from "./temp-folder.ts";

test("explain lists the queries, shows the plan of one, and knows which one was meant", async () => {
  await using folder = tempFolder();
  await using own = await testDatabase();
  const names = (await carillon(["explain"])).stdout.trim().split("\n");
  expect(names).toContain("getNotificationById");
  expect(names).toContain("listInboxOlder");

  for (const env of [{ DATA_DIR: folder.path }, { DATA_DIR: folder.path, DATABASE_URL: own.url }]) {
    expect((await carillon(["migrate"], { env })).code).toBe(0);
    const plan = await carillon(["explain", "getUserById"], { env });
    expect(plan.code).toBe(0);
    expect(plan.stdout).toContain("Index Scan using users_pkey on users");
  }
  const analyzed = await carillon(["explain", "countInbox", "--analyze"], { env: { DATABASE_URL: own.url } });
  expect(analyzed.stdout).toMatch(/actual time=.*Execution Time: /s);

  const unknown = await carillon(["explain", "countInbx"]);
  expect(unknown.code).toBe(1);
  expectWords(unknown);
  expect(unknown.stderr).toContain("Did you mean countInbox?");
  const writes = await carillon(["explain", "insertPlans", "--analyze"], { env: { DATABASE_URL: own.url } });
  expect(writes.code).toBe(1);
  expectWords(writes);
  expect(writes.stderr).toContain("without --analyze only");
});

test("explain changes nothing: what is not up to date is left as it is, and what is not there is not made", async () => {
  await using folder = tempFolder();
  await using own = await testDatabase();
  const missing = join(folder.path, "missing");
  const server = { DATABASE_URL: own.url };
  const refused = async (env: Record<string, string>) => {
    const ran = await carillon(["explain", "getUserById"], { env });
    expect(ran.code).toBe(1);
    expectWords(ran);
    return ran.stderr;
  };

  expect(await refused({ DATA_DIR: missing })).toMatch(/missing holds no Carillon data.*carillon migrate/);
  expect(existsSync(missing)).toBe(false);
  expect(await refused(server)).toMatch(/holds no Carillon data.*carillon migrate/);
  expect(await onServer(own.url, (sql) => sql`select from pg_class where relname = 'users'`)).toHaveLength(0);

  await carillon(["migrate"], { env: server });
  const versions = () => onServer(own.url, (sql) => sql`select version from schema_migrations`);
  await onServer(own.url, (sql) => sql`delete from schema_migrations where version = ${newestVersion}`);
  expect(await refused(server)).toMatch(/carillon migrate/);
  expect(await versions()).toHaveLength(newestVersion - 1);
  await onServer(own.url, (sql) => sql`insert into schema_migrations values (${newestVersion + 1})`);
  expect(await refused(server)).toMatch(/newer Carillon/);
});
