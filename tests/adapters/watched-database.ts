/** A PostgreSQL database with what its telemetry was told. */
import { sql } from "drizzle-orm";
import { rowsOf } from "../../db/statement.ts";
import { openPostgresDatabase, type PostgresOptions } from "../../src/adapters/database-postgres.ts";
import type { Database } from "../../src/ports.ts";
import type { DatabaseTelemetry, PoolNumbers } from "../../src/telemetry-database.ts";
import { postgresOptions, quiet } from "./postgres-options.ts";

export interface WatchedDatabase extends AsyncDisposable {
  db: Database;
  /** What happened, in order: `opened`, `closed idle`, `closed uses`, `closed lost`, `replica lost`, … */
  events: string[];
  pool(): PoolNumbers;
  /** The server's processes that serve this database's connections. */
  backends(): Promise<number[]>;
}

export async function openWatched(
  url: string,
  changes: Partial<PostgresOptions> = {},
): Promise<WatchedDatabase> {
  const events: string[] = [];
  let numbers = (): PoolNumbers => ({ inUse: 0, idle: 0, opening: 0, waiting: 0, max: 0 });
  const telemetry: DatabaseTelemetry = {
    ...quiet,
    connectionOpened: (pool) => pool === "primary" && events.push("opened"),
    connectionClosed: (pool, why) => pool === "primary" && events.push(`closed ${why}`),
    poolOpened: (pool, read) => {
      if (pool === "primary") numbers = read;
    },
    replicaPassedOver: () => events.push("passed over"),
    replicaLost: () => events.push("replica lost"),
    replicaBack: () => events.push("replica back"),
    signalsLost: () => events.push("signals lost"),
    signalsBack: () => events.push("signals back"),
  };
  const db = await openPostgresDatabase(postgresOptions(url, changes), telemetry);
  return {
    db,
    events,
    pool: () => numbers(),
    async backends() {
      const rows = rowsOf<{ pid: number }>(
        await db.orm.execute(sql`
          select pid from pg_stat_activity where datname = current_database() and application_name = 'carillon'`),
      );
      return rows.map(({ pid }) => pid);
    },
    [Symbol.asyncDispose]: () => db.close(),
  };
}
