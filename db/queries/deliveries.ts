import { type SQL, sql } from "drizzle-orm";
import { within } from "../partitions.ts";
import type { deliveries } from "../schema.ts";
import { statement } from "../statement.ts";
import type { NotificationRow } from "./notifications.ts";

const p = sql.placeholder;

/**
 * The channel of a row in due, for whoever looks up a batch. As an expression it offers no index: by the index that orders
 * what is due, which has the channel too, a batch once read the whole of it for each of its rows (500 ms).
 */
const dueChannel = sql.raw("(due.channel || '')");

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

/** A delivery that is ours to send, with all that its message needs but the user's profile. */
export interface ClaimedRow {
  notification_id: string;
  channel: string;
  project_id: string;
  user_id: string;
  tries: number;
  test: boolean;
  title: string;
  body: string;
  priority: string;
  data: unknown;
  metadata: unknown;
  /** Milliseconds since the epoch. */
  expires_at: number | null;
}

/** Takes deliveries to send them: who moves a row to `sending` sends it, nobody else does. */
export const claimDeliveries = statement<
  {
    notificationIds: string[];
    channels: string[];
    first: string;
    last: string;
    now: string;
    leaseUntil: string;
  },
  ClaimedRow
>(
  "claimDeliveries",
  sql`
    with claimed as (
      update deliveries d set status = 'sending', updated_at = ${p("now")}::timestamptz
      from unnest(${p("notificationIds")}::uuid[], ${p("channels")}::text[]) as t (notification_id, channel)
      where d.notification_id = t.notification_id and d.channel = t.channel
        and ${within("d.notification_id", "notificationIds")} and d.status in ('queued', 'retrying')
      returning d.notification_id, d.channel, d.project_id, d.user_id, d.tries
    ), leased as (
      update due set at = ${p("leaseUntil")}::timestamptz, leased = true
      from claimed c
      where due.notification_id = c.notification_id and ${dueChannel} = c.channel
        and due.notification_id = any(${p("notificationIds")}::uuid[])
    )
    select c.*, pr.kind = 'test' as test, n.title, n.body, n.priority, n.data, n.metadata,
      (extract(epoch from n.expires_at) * 1000)::float8 as expires_at
    from claimed c
    join notifications n on n.id = c.notification_id and ${within("n.id", "notificationIds")}
    join projects pr on pr.id = c.project_id`,
);

/** What was claimed and never begun goes back, as if it had not been touched. */
export const unclaimDeliveries = statement<{ notificationIds: string[]; channels: string[]; now: string }>(
  "unclaimDeliveries",
  sql`
    with t as (
      select * from unnest(${p("notificationIds")}::uuid[], ${p("channels")}::text[]) as t (notification_id, channel)
    ), freed as (
      update due set at = ${p("now")}::timestamptz, leased = false
      from t
      where due.notification_id = t.notification_id and ${dueChannel} = t.channel
        and due.notification_id = any(${p("notificationIds")}::uuid[])
    )
    update deliveries d set status = 'queued' from t
    where d.notification_id = t.notification_id and d.channel = t.channel and d.status = 'sending'`,
);

/**
 * Gives back what was taken to be sent and not even begun, so that another process need not wait for the lease to run
 * out. What somebody is sending by now is left to them.
 */
export const releaseWaiting = statement<{
  notificationIds: string[];
  channel: string;
  first: string;
  last: string;
  now: string;
}>(
  "releaseWaiting",
  sql`
    with waiting as materialized (
      select d.notification_id, d.channel
      from unnest(${p("notificationIds")}::uuid[]) as t (notification_id)
      join deliveries d on d.notification_id = t.notification_id and d.channel = ${p("channel")}
        and ${within("d.notification_id", "notificationIds")}
      where d.status in ('queued', 'retrying')
    )
    update due set at = ${p("now")}::timestamptz, leased = false
    from waiting w
    where due.notification_id = w.notification_id and ${dueChannel} = w.channel and due.leased
        and due.notification_id = any(${p("notificationIds")}::uuid[])`,
);

export interface OutcomeColumns {
  notificationIds: string[];
  channels: string[];
  statuses: string[];
  reasons: (string | null)[];
  tries: number[];
  /** When a retry is due; null where there is none. */
  retryAt: (string | null)[];
  /** Null where nothing was tried (expired, cancelled). */
  attemptIds: (string | null)[];
  attemptAt: (string | null)[];
  providers: (string | null)[];
  outcomes: (string | null)[];
  answers: (string | null)[];
  first: string;
  last: string;
  now: string;
}

/** Writes outcomes: the attempt is kept in any case, the state changes only from `sending`. */
export const recordOutcomes = statement<
  OutcomeColumns & Record<string, unknown>,
  { notification_id: string; channel: string; status: DeliveryStatus }
>(
  "recordOutcomes",
  sql`
    with t as (
      select * from unnest(
        ${p("notificationIds")}::uuid[], ${p("channels")}::text[], ${p("statuses")}::text[], ${p("reasons")}::text[],
        ${p("tries")}::int[], ${p("retryAt")}::timestamptz[], ${p("attemptIds")}::uuid[],
        ${p("attemptAt")}::timestamptz[], ${p("providers")}::text[], ${p("outcomes")}::text[], ${p("answers")}::text[]
      ) as t (notification_id, channel, status, reason, tries, retry_at, attempt_id, attempt_at, provider, outcome, answer)
    ), tried as (
      insert into attempts (notification_id, id, channel, at, provider, outcome, answer)
      -- What was being sent while its user was erased keeps no word of what the provider said of them.
      select t.notification_id, attempt_id, t.channel, attempt_at, provider, outcome,
        case when n.title = '' then '' else answer end
      from t join notifications n on n.id = t.notification_id
      where attempt_id is not null and ${within("n.id", "notificationIds")}
    ), moved as (
      update deliveries d
      set status = t.status, reason = t.reason, tries = t.tries, updated_at = ${p("now")}::timestamptz
      from t
      where d.notification_id = t.notification_id and d.channel = t.channel
        and ${within("d.notification_id", "notificationIds")} and d.status = 'sending'
      returning d.notification_id, d.channel, d.status, d.project_id, t.retry_at
    ), waiting as (
      insert into due (notification_id, channel, priority, at, leased)
      select m.notification_id, m.channel, n.priority, m.retry_at, false
      from moved m join notifications n on n.id = m.notification_id
      where m.status = 'retrying' and ${within("n.id", "notificationIds")}
      on conflict (notification_id, channel) do update set at = excluded.at, leased = false
    ), released as (
      delete from due using moved m
      where m.status <> 'retrying' and due.notification_id = m.notification_id and ${dueChannel} = m.channel
        and due.notification_id = any(${p("notificationIds")}::uuid[])
    ), buried as (
      insert into dead_letters (project_id, notification_id, channel)
      select project_id, notification_id, channel from moved where status = 'failed'
      on conflict do nothing
    )
    select notification_id, channel, status from moved`,
);

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
