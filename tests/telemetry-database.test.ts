import { describe, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { Registry } from "prom-client";
import { migrate } from "../db/migrate.ts";
import { exportNotifications } from "../db/queries/export.ts";
import { getUser } from "../db/queries/users.ts";
import { openDataFolder } from "../src/adapters/data-folder.ts";
import { openPgliteDatabase } from "../src/adapters/database-pglite.ts";
import { openPostgresDatabase } from "../src/adapters/database-postgres.ts";
import type { Database } from "../src/ports.ts";
import { createDatabaseTelemetry, type DatabaseTelemetry } from "../src/telemetry-database.ts";
import type { Fields, Level } from "../src/telemetry-logging.ts";
import { postgresOptions } from "./adapters/postgres-options.ts";
import { testDatabase } from "./databases.ts";
import { tempFolder } from "./temp-folder.ts";

const connections = 3;

const nobody = { projectId: "01890a5d-ac96-774b-bcce-b302099a8057", id: "nobody" };

interface Line {
  level: Level;
  message: string;
  fields: Fields | undefined;
}

/** A migrated database with the metrics and the log lines of what is done on it. */
interface Told extends AsyncDisposable {
  db: Database;
  registry: Registry;
  lines: Line[];
}

async function told(
  open: (telemetry: DatabaseTelemetry) => Promise<{ db: Database; drop: () => PromiseLike<void> }>,
  slowQueryMs: number,
): Promise<Told> {
  const registry = new Registry();
  const lines: Line[] = [];
  const log = (level: Level, message: string, fields?: Fields) => lines.push({ level, message, fields });
  const { db, drop } = await open(createDatabaseTelemetry({ registry, log, slowQueryMs }));
  await migrate(db.orm);
  return {
    db,
    registry,
    lines,
    async [Symbol.asyncDispose]() {
      await db.close();
      await drop();
    },
  };
}

async function onPostgres(telemetry: DatabaseTelemetry) {
  const own = await testDatabase();
  const db = await openPostgresDatabase(
    postgresOptions(own.url, { databasePoolMax: connections }),
    telemetry,
  );
  return { db, drop: () => own[Symbol.asyncDispose]() };
}

async function embedded(telemetry: DatabaseTelemetry) {
  const temp = tempFolder();
  const folder = openDataFolder(temp.path);
  const db = await openPgliteDatabase(folder, telemetry);
  return {
    db,
    async drop() {
      folder.release();
      await temp[Symbol.asyncDispose]();
    },
  };
}

const slowLine = (query: string): Line => ({
  level: "warn",
  message: "slow query",
  fields: { query, ms: expect.any(Number) },
});

test("queries are counted by name, slow ones logged with it, and the pool shows what it does", async () => {
  await using opened = await told(onPostgres, 200);
  const { db, registry, lines } = opened;
  for (let nth = 0; nth < 7; nth++) await getUser(db.orm, nobody);
  await db.transaction((tx) => getUser(tx, nobody));
  await db.orm.execute(sql`select pg_sleep(0.3)`);

  const metrics = await registry.metrics();
  expect(metrics).toContain('carillon_database_query_seconds_count{query="getUserById"} 8');
  expect(metrics).toContain('carillon_database_slow_queries_total{query="unnamed"} 1');
  expect(metrics).toContain('carillon_database_connections_max{pool="primary"} 3');
  expect(metrics).toMatch(/carillon_database_connections\{pool="primary",state="idle"\} [1-3]/);
  expect(metrics).toContain('carillon_database_waiting{pool="primary"} 0');
  expect(lines).toContainEqual(slowLine("unnamed"));
});

describe.each([
  ["embedded", embedded],
  ["PostgreSQL", onPostgres],
] as const)("on %s,", (_, open) => {
  test("a slow query is logged by its name, an export and a commit too", async () => {
    await using opened = await told(open, 0);
    const { db, registry, lines } = opened;
    const { projectId } = nobody;
    await getUser(db.orm, nobody);
    const query = exportNotifications({ projectId, metadata: {} });
    for await (const _ of db.cursorQuery(query, "id", 10, "exportNotifications"));
    const commits = () => lines.filter(({ fields }) => fields?.query === "commit").length;
    const before = commits();
    await db.transaction((tx) => getUser(tx, nobody));
    expect(commits()).toBe(before + 1);
    await db.transaction(() => Promise.reject(new Error("taken back"))).catch(() => {});
    expect(commits()).toBe(before + 1);

    for (const name of ["getUserById", "exportNotifications"]) {
      expect(lines).toContainEqual(slowLine(name));
      expect(await registry.metrics()).toContain(`carillon_database_slow_queries_total{query="${name}"} 2`);
    }
  });

  test("the time of a query is the database's, without the wait for a connection", async () => {
    await using opened = await told(open, 60_000);
    const { db, registry } = opened;
    // All the connections there are, for a second each.
    const all = Array.from({ length: connections }, () => sql`select pg_sleep(1)`);
    const begun = Promise.withResolvers<void>();
    const holding = all.map((sleep) =>
      db.transaction((tx) => {
        begun.resolve();
        return tx.execute(sleep);
      }),
    );
    await begun.promise;
    await Promise.all([...holding, getUser(db.orm, nobody)]);
    const sum = /^carillon_database_query_seconds_sum\{query="getUserById"\} (\S+)$/m;
    const [, seconds] = sum.exec(await registry.metrics()) ?? [];
    expect(Number(seconds)).toBeLessThan(0.5);
  });
});
