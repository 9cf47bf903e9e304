import { expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { Registry } from "prom-client";
import { migrate } from "../db/migrate.ts";
import { getUser } from "../db/queries/users.ts";
import { openPostgresDatabase } from "../src/adapters/database-postgres.ts";
import { createDatabaseTelemetry } from "../src/telemetry-database.ts";
import { postgresOptions } from "./adapters/postgres-options.ts";
import { testDatabase } from "./databases.ts";

test("queries are counted by name, slow ones logged with it, and the pool shows what it does", async () => {
  await using own = await testDatabase();
  const registry = new Registry();
  const lines: unknown[] = [];
  const telemetry = createDatabaseTelemetry({
    registry,
    log: (...line) => lines.push(line),
    slowQueryMs: 200,
  });
  const db = await openPostgresDatabase(postgresOptions(own.url, { databasePoolMax: 3 }), telemetry);
  try {
    await migrate(db.orm);
    const nobody = { projectId: "01890a5d-ac96-774b-bcce-b302099a8057", id: "nobody" };
    for (let nth = 0; nth < 7; nth++) await getUser(db.orm, nobody);
    await db.transaction((tx) => getUser(tx, nobody));
    await db.orm.execute(sql`select pg_sleep(0.3)`);

    const metrics = await registry.metrics();
    expect(metrics).toContain('carillon_database_query_seconds_count{query="getUserById"} 8');
    expect(metrics).toContain('carillon_database_slow_queries_total{query="unnamed"} 1');
    expect(metrics).toContain('carillon_database_connections_max{pool="primary"} 3');
    expect(metrics).toMatch(/carillon_database_connections\{pool="primary",state="idle"\} [1-3]/);
    expect(metrics).toContain('carillon_database_waiting{pool="primary"} 0');
    expect(lines).toContainEqual(["warn", "slow query", { query: "unnamed", ms: expect.any(Number) }]);
  } finally {
    await db.close();
  }
});
