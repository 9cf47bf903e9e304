import { type SQL, sql } from "drizzle-orm";
import { within } from "../partitions.ts";
import type { deliveries } from "../schema.ts";
import { statement } from "../statement.ts";
import { dueChannel } from "./due.ts";
import type { NotificationRow } from "./notifications.ts";

const p = sql.placeholder;

export type DeliveryRow = typeof deliveries.$inferSelect;
export type DeliveryStatus = DeliveryRow["status"];

type Priority = NotificationRow["priority"];

export interface PlanColumns {
  /** The notifications of the batch, sorted; `first` and `last` bound them, so that only their days are probed. */
  ids: string[];
  statuses: string[];
  reasons: (string | null)[];
  first: string;
  last: string;
  deliveryNotificationIds: string[];
  deliveryChannels: string[];
  deliveryProjectIds: string[];
  deliveryUserIds: string[];
  deliveryStatuses: string[];
  deliveryReasons: (string | null)[];
  now: string;
  leaseUntil: string;
  /** Channels whose queue is full: their deliveries are due at once, for the sweep to hand on. */
  fullChannels: string[];
  /** Those that were scheduled: their row in `due` has done its work. */
  scheduledIds: string[];
}

/**
 * Stores what a batch's plans decided: one statement, so that a notification leaves `pending` along with its
 * deliveries or not at all. A notification that was planned or cancelled meanwhile is left as it is, so that
 * the same event twice inserts nothing. Gives the deliveries that are to be sent now.
 */
const planning = (name: string, ofBatch: SQL) =>
  statement<
    PlanColumns & Record<string, unknown>,
    { notification_id: string; channel: string; status: DeliveryStatus }
  >(
    name,
    sql`
    with planned as (
      update notifications n set status = t.status, reason = t.reason
      from unnest(${p("ids")}::uuid[], ${p("statuses")}::text[], ${p("reasons")}::text[]) as t (id, status, reason)
      where n.id = t.id and ${ofBatch} and n.status in ('pending', 'scheduled')
      returning n.id, n.priority
    ), inserted as (
      insert into deliveries (notification_id, channel, project_id, user_id, status, reason, tries, updated_at)
      select d.notification_id, d.channel, d.project_id, d.user_id, d.status, d.reason, 0, ${p("now")}::timestamptz
      from unnest(
        ${p("deliveryNotificationIds")}::uuid[], ${p("deliveryChannels")}::text[],
        ${p("deliveryProjectIds")}::uuid[], ${p("deliveryUserIds")}::text[],
        ${p("deliveryStatuses")}::text[], ${p("deliveryReasons")}::text[]
      ) as d (notification_id, channel, project_id, user_id, status, reason)
      join planned on planned.id = d.notification_id
      on conflict do nothing
      returning notification_id, channel, status
    ), leased as (
      insert into due (notification_id, channel, priority, at, leased)
      select notification_id, channel, planned.priority,
        case when channel = any(${p("fullChannels")}::text[]) then ${p("now")}::timestamptz
          else ${p("leaseUntil")}::timestamptz end,
        not channel = any(${p("fullChannels")}::text[])
      from inserted join planned on planned.id = inserted.notification_id
      where status = 'queued'
      on conflict do nothing
    ), released as (
      delete from due where ${dueChannel} = '' and notification_id = any(${p("scheduledIds")}::uuid[])
    )
    select notification_id, channel, status from inserted`,
  );

/** For a batch whose ids lie close together, as the event log's do: 45,000 a second in bulk, the other 30,000. */
export const insertPlans = planning("insertPlans", sql`n.id between ${p("first")} and ${p("last")}`);

/** For one with ids from long ago, such as what was scheduled: what lies between is not read. */
export const insertScatteredPlans = planning("insertScatteredPlans", within("n.id", "ids"));

/**
 * A dead letter is due again now, at the start of its retry schedule. Gives nothing where it was no dead letter.
 */
export const replayDelivery = statement<
  { projectId: string; notificationId: string; channel: string; now: string },
  { priority: Priority }
>(
  "replayDelivery",
  sql`
    with raised as (
      update deliveries set status = 'queued', reason = null, tries = 0, updated_at = ${p("now")}::timestamptz
      where notification_id = ${p("notificationId")} and channel = ${p("channel")}
        and project_id = ${p("projectId")} and status = 'failed'
      returning notification_id, channel, project_id
    ), unburied as (
      delete from dead_letters l using raised r
      where l.project_id = r.project_id and l.notification_id = r.notification_id and l.channel = r.channel
    ), due_again as (
      insert into due (notification_id, channel, priority, at, leased)
      select notification_id, channel, priority, ${p("now")}::timestamptz, false
      from raised join notifications on id = notification_id
      on conflict (notification_id, channel) do update set at = excluded.at, leased = false
    ), reopened as (
      update notifications n set status = 'processing', reason = null from raised r where n.id = r.notification_id
      returning n.priority
    )
    select priority from reopened`,
);
