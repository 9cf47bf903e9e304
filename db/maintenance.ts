import { sql } from "drizzle-orm";
import { type Drizzle, statement } from "./statement.ts";

/** Tables whose rows come and go. Where no autovacuum runs, their dead rows would stay. */
const churned = ["due", "dead_letters", "idempotency_keys", "users"];

/** Frees dead rows for new ones, and refreshes the planner's statistics. */
export async function vacuum(db: Drizzle): Promise<void> {
  for (const table of churned) await db.execute(sql.raw(`vacuum (analyze) ${table}`));
  await db.execute(sql`analyze notifications, deliveries, attempts`);
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
