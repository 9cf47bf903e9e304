import { type SQL, sql } from "drizzle-orm";
import { type Drizzle, rowsOf, statement } from "./statement.ts";

/** Tables whose rows come and go. Where no autovacuum runs, their dead rows would stay. */
const churned = ["due", "dead_letters", "idempotency_keys", "users"];

/**
 * So many times 300 rows of a table are looked at for its statistics. The embedded database does so on the one thread that there
 * is: 30 ms for a day of 300,000 notifications, and 280 ms with the server's own 100.
 */
const statisticsTarget = 10;

const setTarget = sql.raw(`set default_statistics_target = ${statisticsTarget}`);

/** What changed is told once a second otherwise. */
const flushFigures = sql`select pg_stat_force_next_flush()`;

/** Frees dead rows for new ones, and refreshes the planner's statistics: a short statement a table. */
export async function vacuum(db: Drizzle): Promise<void> {
  await db.execute(setTarget);
  for (const table of churned) await db.execute(sql.raw(`vacuum (analyze) ${table}`));
  await analyze(db, changedPartitions);
}

/**
 * Refreshes the statistics of tables that have changed so much that autovacuum would do so. Without, the planner takes
 * a day of 100,000 notifications for one of some hundreds, and sorts all that are left of it for each page of 200.
 */
export async function analyzeChanged(db: Drizzle): Promise<void> {
  await db.execute(setTarget);
  await analyze(db, muchChanged);
}

/** Partitions that have changed since they were last looked at, and the tables that they are of. */
const changedPartitions = sql`c.relkind = 'p' or (c.relispartition and (s.last_analyze is null or s.n_mod_since_analyze > 0))`;

/** 50 rows and a tenth of all, as autovacuum has it by default. */
const muchChanged = sql`c.relkind = 'r' and s.n_mod_since_analyze > 50 + greatest(c.reltuples, 0) / 10`;

/** Each by itself alone: the partitions of a table are tables of their own. */
async function analyze(db: Drizzle, which: SQL): Promise<void> {
  await db.execute(flushFigures);
  const rows = rowsOf<{ name: string }>(
    await db.execute(sql`
      select s.relid::regclass::text as name from pg_stat_user_tables s join pg_class c on c.oid = s.relid
      where ${which} order by name`),
  );
  for (const { name } of rows) await db.execute(sql.raw(`analyze only ${name}`));
}

/** Write-ahead log since the last checkpoint, in bytes. */
const walBytes = statement<Record<string, never>, { bytes: number }>(
  "walBytes",
  sql`select (pg_current_wal_insert_lsn() - redo_lsn)::float8 as bytes from pg_control_checkpoint()`,
);

/** Writes changed pages back once the log has grown beyond `maxBytes`; whether it did. */
export async function checkpointBeyond(db: Drizzle, maxBytes: number): Promise<boolean> {
  const [log] = await walBytes(db, {});
  if (log === undefined || log.bytes <= maxBytes) return false;
  await db.execute(sql`checkpoint`);
  return true;
}

/** Resolves if the database answers, and rejects if it does not. */
export async function ping(db: Drizzle): Promise<void> {
  await db.execute(sql`select 1`);
}
