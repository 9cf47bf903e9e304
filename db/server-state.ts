import { sql } from "drizzle-orm";
import { schemaVersion } from "./migrate.ts";
import { type Drizzle, rowsOf } from "./statement.ts";

/** What an operator may want to know of a server before a start. */
export interface ServerState {
  version: string;
  /** 0 where nothing was migrated yet. */
  schemaVersion: number;
  /** Connections that anyone but a superuser may open. */
  connectionsMax: number;
  /** Of them, those that others than Carillon have open. */
  connectionsTaken: number;
  /** How far its clock is ahead of ours, in milliseconds; half of the question's way there and back is uncertain. */
  clockAheadMs: number;
  /** How far a replica is behind its primary, in seconds; null where it is no replica. */
  lagSeconds: number | null;
}

export async function serverState(db: Drizzle): Promise<ServerState> {
  const askedMs = Date.now();
  const [row] = rowsOf<{ version: string; max: number; taken: number; now_ms: number; lag: number | null }>(
    await db.execute(sql`
      select current_setting('server_version') as version,
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as max,
        (select count(*)::int from pg_stat_activity
          where backend_type = 'client backend' and application_name <> current_setting('application_name')) as taken,
        (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms,
        case when not pg_is_in_recovery() then null
          when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
          else coalesce(extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()), 0)
        end::float8 as lag`),
  );
  if (row === undefined) throw new Error("the server said nothing about itself");
  return {
    version: row.version,
    schemaVersion: await schemaVersion(db),
    connectionsMax: row.max,
    connectionsTaken: row.taken,
    clockAheadMs: Math.round(row.now_ms - (askedMs + Date.now()) / 2),
    lagSeconds: row.lag,
  };
}
