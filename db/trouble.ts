import { sql } from "drizzle-orm";
import { coveredUntil, dayMs, readPartitions } from "./periods.ts";
import { type Drizzle, rowsOf } from "./statement.ts";

/** What in a server holds work up, as its catalog tells: no lock of a table is waited for. Of sessions, never their statements: those of others may carry people's words. */
export interface DatabaseTrouble {
  /** The transaction that has been open for longest, whosever it is; null where there is none. */
  oldestTransaction: Session | null;
  /** Sessions that wait for a lock, with the one that the longest of them waits for. */
  blocked: { sessions: number; longestSeconds: number; by: Session | null };
  /** Rows of `due`, through which all work passes, and versions of them that no vacuum has taken away. */
  due: { live: number; dead: number };
  /** Client connections that anyone has open, of so many that there may be. */
  connections: { open: number; max: number };
  /** Days from today on that every table that grows has partitions for, without a gap. */
  daysReady: number;
}

export interface Session {
  pid: number;
  /** What it calls itself; empty where it does not. */
  application: string;
  /** For how long its transaction has been open. */
  seconds: number;
  /** Whether it does nothing in it. */
  idle: boolean;
}

export async function databaseTrouble(db: Drizzle, nowMs: number): Promise<DatabaseTrouble> {
  const [row] = rowsOf<Record<string, number>>(
    await db.execute(sql`
      select coalesce(n_live_tup, 0)::float8 as live, coalesce(n_dead_tup, 0)::float8 as dead,
        (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as open,
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as max
      from pg_stat_user_tables where relid = 'due'::regclass`),
  );
  const { live = 0, dead = 0, open = 0, max = 0 } = row ?? {};
  return {
    oldestTransaction: await oldestTransaction(db),
    blocked: await blocked(db),
    due: { live, dead },
    connections: { open, max },
    daysReady: await daysReady(db, nowMs),
  };
}

const session = sql`
  pid, application_name as application, extract(epoch from clock_timestamp() - xact_start)::float8 as seconds,
  state like 'idle in transaction%' as idle`;

async function oldestTransaction(db: Drizzle): Promise<Session | null> {
  const [found] = rowsOf<Session>(
    await db.execute(sql`
      select ${session} from pg_stat_activity
      where backend_type = 'client backend' and pid <> pg_backend_pid() and datname = current_database()
        and xact_start is not null
      order by xact_start limit 1`),
  );
  return found ?? null;
}

async function blocked(db: Drizzle): Promise<DatabaseTrouble["blocked"]> {
  const waiting = rowsOf<{ seconds: number; by: number }>(
    await db.execute(sql`
      select extract(epoch from clock_timestamp() - coalesce(state_change, query_start))::float8 as seconds,
        (pg_blocking_pids(pid))[1] as by
      from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and cardinality(pg_blocking_pids(pid)) > 0
      order by 1 desc`),
  );
  const [longest] = waiting;
  if (longest === undefined) return { sessions: 0, longestSeconds: 0, by: null };
  const [by] = rowsOf<Session>(
    await db.execute(sql`select ${session} from pg_stat_activity where pid = ${longest.by}::int`),
  );
  return { sessions: waiting.length, longestSeconds: longest.seconds, by: by ?? null };
}

async function daysReady(db: Drizzle, nowMs: number): Promise<number> {
  const partitions = await readPartitions(db);
  const todayMs = Math.floor(nowMs / dayMs) * dayMs;
  const untilMs = ["notifications", "deliveries", "attempts"].map((name) =>
    coveredUntil(
      partitions.filter(({ table }) => table === name),
      todayMs,
    ),
  );
  return Math.floor((Math.min(...untilMs) - todayMs) / dayMs);
}
