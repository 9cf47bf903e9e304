import { type SQL, sql } from "drizzle-orm";
import { idFloor } from "./id.ts";
import { dayMs } from "./periods.ts";
import type { Drizzle } from "./statement.ts";

/**
 * Rows in the default partitions, which are never dropped: of days whose partitions could not be made in time, since somebody read
 * for days, or that an odd clock gave them.
 */

/** Rows of a table that a call deletes at most: a minute's, where the database was left alone for long. */
const rowsMax = 10_000;

/**
 * Deletes of the strays what is older than `retentionDays`, as a partition of theirs would be dropped: neither what is due, or was
 * only due since, nor what may be pending.
 */
export async function deleteOldStrays(
  db: Drizzle,
  { nowMs, retentionDays, settledBefore }: { nowMs: number; retentionDays: number; settledBefore: string },
): Promise<void> {
  const oldestMs = nowMs - retentionDays * dayMs;
  const oldest = new Date(oldestMs).toISOString();
  const isOld = (key: string) =>
    sql`${sql.raw(key)} < ${idFloor(oldestMs)}::uuid and ${sql.raw(key)} < ${settledBefore}::uuid`;
  await deleteSome(
    db,
    "notifications_default",
    sql`${isOld("id")} and (send_at is null or send_at < ${oldest}::timestamptz)
      and not exists (select from due where notification_id = id)`,
  );
  // By itself: a table has strays where another has a partition, if that was made while somebody read the first.
  const isOrphaned = sql`${isOld("notification_id")}
    and not exists (select from notifications where id = notification_id and ${isOld("id")})`;
  for (const table of ["deliveries_default", "attempts_default", "dead_letters"]) {
    await deleteSome(db, table, isOrphaned);
  }
}

async function deleteSome(db: Drizzle, table: string, condition: SQL): Promise<void> {
  const name = sql.raw(table);
  await db.execute(sql`
    delete from ${name} where ctid = any(array(select ctid from ${name} where ${condition} limit ${rowsMax}::int))`);
}
