import { and, eq, inArray, type SQL, sql } from "drizzle-orm";
import { parseDeliveryId } from "../id.ts";
import { type Page, pageOf } from "../page.ts";
import { attempts, deliveries } from "../schema.ts";
import { type Drizzle, prepared } from "../statement.ts";
import type { DeliveryRow } from "./deliveries.ts";

const p = sql.placeholder;

export type AttemptRow = typeof attempts.$inferSelect;

const deliveriesOfNotification = prepared("deliveriesOfNotification", (db) =>
  db
    .select()
    .from(deliveries)
    .where(eq(deliveries.notificationId, p("id")))
    .orderBy(deliveries.channel),
);

const attemptsOfNotification = prepared("attemptsOfNotification", (db) =>
  db
    .select()
    .from(attempts)
    .where(eq(attempts.notificationId, p("id")))
    .orderBy(attempts.id),
);

export interface Timeline {
  deliveries: DeliveryRow[];
  attempts: AttemptRow[];
}

/** A notification's deliveries with every attempt, oldest first. */
export async function timelineOf(db: Drizzle, id: string): Promise<Timeline> {
  return {
    deliveries: await deliveriesOfNotification(db).execute({ id }),
    attempts: await attemptsOfNotification(db).execute({ id }),
  };
}

export interface DeliveryFilter {
  projectId: string;
  userId?: string | undefined;
  status?: string | undefined;
  channel?: string | undefined;
}

/** Ordered by notification. Failed ones are found by way of `dead_letters`, however many others there are. */
export async function listDeliveries(
  db: Drizzle,
  { projectId, userId, status, channel }: DeliveryFilter,
  page: Page,
): Promise<Timeline> {
  const { bounds, tail } = pageOf(
    [sql`${deliveries.notificationId}`, sql`${deliveries.channel}`],
    page,
    (id) => {
      const at = parseDeliveryId(String(id));
      return sql`${at?.notificationId}::uuid, ${at?.channel}`;
    },
  );
  const conditions: SQL[] = [eq(deliveries.projectId, projectId), bounds];
  if (userId !== undefined) conditions.push(eq(deliveries.userId, userId));
  if (channel !== undefined) conditions.push(sql`${deliveries.channel} = ${channel}`);
  if (status !== undefined) conditions.push(sql`${deliveries.status} = ${status}`);
  if (status === "failed") {
    conditions.push(sql`(${deliveries.notificationId}, ${deliveries.channel}) in
      (select notification_id, channel from dead_letters where project_id = ${projectId})`);
  }
  const found = await db
    .select()
    .from(deliveries)
    .where(sql`${and(...conditions)} ${tail}`);
  const ids = [...new Set(found.map(({ notificationId }) => notificationId))];
  const tried =
    ids.length === 0
      ? []
      : await db
          .select()
          .from(attempts)
          .where(inArray(attempts.notificationId, ids))
          .orderBy(attempts.notificationId, attempts.id);
  return { deliveries: found, attempts: tried };
}
