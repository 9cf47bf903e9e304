import { and, asc, between, inArray, type SQL, sql } from "drizzle-orm";
import { attempts, deliveries, notifications } from "../schema.ts";
import { type Drizzle, rowsOf } from "../statement.ts";
import type { DeliveryRow } from "./deliveries.ts";
import type { NotificationRow } from "./notifications.ts";
import type { AttemptRow, Timeline } from "./timelines.ts";

/** A notification with all that hangs on it. */
export interface NotificationRows extends Timeline {
  notification: NotificationRow;
}

/**
 * The ids of notifications that nothing will change any more but their reader, oldest first: closed, with
 * nothing due, and with no dead letter that could be replayed. One that was scheduled counts from then on.
 */
export async function closedIds(
  db: Drizzle,
  { after, until, sentBefore, limit }: { after: string; until: string; sentBefore: string; limit: number },
): Promise<string[]> {
  const rows = rowsOf<{ id: string }>(
    await db.execute(sql`
      select n.id from notifications n
      where n.id > ${after}::uuid and n.id < ${until}::uuid
        and n.status in ('sent', 'failed', 'skipped', 'cancelled')
        and (n.send_at is null or n.send_at < ${sentBefore}::timestamptz)
        and not exists (select from due where due.notification_id = n.id)
        and not exists (select from dead_letters l where l.project_id = n.project_id and l.notification_id = n.id)
      order by n.id limit ${limit}`),
  );
  return rows.map(({ id }) => id);
}

/** Those of them that are there, in the order of their ids, deliveries by channel, attempts by time. */
export async function rowsOfNotifications(db: Drizzle, ids: string[]): Promise<NotificationRows[]> {
  const found = await db
    .select()
    .from(notifications)
    .where(among(notifications.id, ids))
    .orderBy(asc(notifications.id));
  const sent = await db
    .select()
    .from(deliveries)
    .where(among(deliveries.notificationId, ids))
    .orderBy(asc(deliveries.notificationId), asc(deliveries.channel));
  const tried = await db
    .select()
    .from(attempts)
    .where(among(attempts.notificationId, ids))
    .orderBy(asc(attempts.notificationId), asc(attempts.id));
  const deliveriesOf = Map.groupBy(sent, ({ notificationId }: DeliveryRow) => notificationId);
  const attemptsOf = Map.groupBy(tried, ({ notificationId }: AttemptRow) => notificationId);
  return found.map((notification) => ({
    notification,
    deliveries: deliveriesOf.get(notification.id) ?? [],
    attempts: attemptsOf.get(notification.id) ?? [],
  }));
}

type IdColumn = typeof notifications.id | typeof deliveries.notificationId | typeof attempts.notificationId;

/** Sorted ids, with their bounds, so that only their partitions are probed. */
function among(column: IdColumn, ids: string[]): SQL | undefined {
  return and(inArray(column, ids), between(column, ids[0] ?? "", ids.at(-1) ?? ""));
}

/**
 * Holds them with their deliveries, in one order for all who do: nobody changes them until the transaction
 * ends. An attempt is only ever added by who holds its notification.
 */
export async function lockRowsOfNotifications(tx: Drizzle, ids: string[]): Promise<void> {
  await tx.execute(
    sql`select from notifications where ${among(notifications.id, ids)} order by id for update`,
  );
  await tx.execute(
    sql`select from deliveries where ${among(deliveries.notificationId, ids)}
      order by notification_id, channel for update`,
  );
}

export async function deleteRowsOfNotifications(tx: Drizzle, ids: string[]): Promise<void> {
  await tx.delete(attempts).where(among(attempts.notificationId, ids));
  await tx.delete(deliveries).where(among(deliveries.notificationId, ids));
  await tx.delete(notifications).where(among(notifications.id, ids));
}
