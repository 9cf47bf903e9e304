import { and, eq, type SQL, sql } from "drizzle-orm";
import { unnested } from "../batch-insert.ts";
import { idFloor } from "../id.ts";
import { type Page, paged, pageOf, paramsOf } from "../page.ts";
import { within } from "../partitions.ts";
import { notifications } from "../schema.ts";
import { type Drizzle, prepared, statement } from "../statement.ts";

const p = sql.placeholder;

export type NotificationRow = typeof notifications.$inferSelect;
/** Without what only those who send it need. */
export type ShownNotification = Omit<NotificationRow, "traceparent" | "tracestate">;
export type NotificationStatus = NotificationRow["status"];

/** One array a column: a batch is one statement with one parameter a column, whatever its length. */
export interface NotificationColumns {
  ids: string[];
  projectIds: string[];
  userIds: string[];
  priorities: string[];
  statuses: string[];
  /** Comma-separated channels, or null for all. */
  channels: (string | null)[];
  titles: string[];
  bodies: string[];
  /** JSON text: bound as text and cast, since a string bound to jsonb becomes a JSON string. */
  data: (string | null)[];
  metadata: (string | null)[];
  sendAt: (string | null)[];
  expiresAt: (string | null)[];
  traceparents: (string | null)[];
  tracestates: (string | null)[];
}

const inserting = (delivered: SQL) => sql`
    with given as (
      select * from ${unnested({
        ids: notifications.id,
        projectIds: notifications.projectId,
        userIds: notifications.userId,
        priorities: notifications.priority,
        statuses: notifications.status,
        channels: notifications.channels,
        titles: notifications.title,
        bodies: notifications.body,
        data: notifications.data,
        metadata: notifications.metadata,
        sendAt: notifications.sendAt,
        expiresAt: notifications.expiresAt,
        traceparents: notifications.traceparent,
        tracestates: notifications.tracestate,
      })}
    ), scheduled as (
      insert into due (notification_id, channel, priority, at, leased)
      select id, '', priority, send_at, false from given where status = 'scheduled'
    )${delivered}
    insert into notifications
      (id, project_id, user_id, priority, status, channels, title, body, data, metadata, send_at, expires_at,
        traceparent, tracestate)
    select id, project_id, user_id, priority, status, channels, title, body, data::jsonb, metadata::jsonb,
      send_at, expires_at, traceparent, tracestate
    from given`;

/**
 * `batchInsert` of the guide for notifications, by a statement that does two things: a scheduled one gets its
 * row in `due` along with it.
 */
export const insertNotifications = statement<NotificationColumns & Record<string, unknown>>(
  "insertNotifications",
  inserting(sql``),
);

/**
 * The same where some are stored as sent: those get their delivery to the inbox as well. A statement of its own, since whoever
 * holds that table, as who builds an index, holds up what writes to it.
 */
export const insertNotificationsInInbox = statement<
  NotificationColumns & { now: string } & Record<string, unknown>
>(
  "insertNotificationsInInbox",
  inserting(sql`, delivered as (
      insert into deliveries (notification_id, channel, project_id, user_id, status, tries, updated_at)
      select id, 'inbox', project_id, user_id, 'sent', 0, ${p("now")}::timestamptz from given where status = 'sent'
    )`),
);

const getNotificationById = prepared("getNotificationById", (db) =>
  db
    .select()
    .from(notifications)
    .where(and(eq(notifications.id, p("id")), eq(notifications.projectId, p("projectId")))),
);

export async function getNotification(
  db: Drizzle,
  where: { id: string; projectId: string },
): Promise<NotificationRow | undefined> {
  const [row] = await getNotificationById(db).execute(where);
  return row;
}

export interface NotificationFilter {
  projectId: string;
  userId?: string | undefined;
  status?: string | undefined;
  channel?: string | undefined;
  priority?: string | undefined;
  createdAfterMs?: number | undefined;
  createdBeforeMs?: number | undefined;
  metadata: Record<string, string>;
}

const userPage = paged("listUserNotifications", (name, page) => {
  const { bounds, tail } = pageOf([sql`${notifications.id}`], page);
  const ofUser = and(
    eq(notifications.projectId, p("projectId")),
    eq(notifications.userId, p("userId")),
    bounds,
  );
  return prepared(name, (db) => db.select().from(notifications).where(sql`${ofUser} ${tail}`));
});

/**
 * Newest first. What is asked for again and again, a user's own, is a prepared statement; every other combination of
 * filters is built as asked, and gets the plan that fits it.
 */
export async function listNotifications(
  db: Drizzle,
  filter: NotificationFilter,
  page: Page,
): Promise<NotificationRow[]> {
  const { projectId, userId, ...others } = filter;
  if (userId !== undefined && isEmpty(others)) {
    return userPage(page)(db).execute({ projectId, userId, ...paramsOf(page) });
  }
  const { bounds, tail } = pageOf([sql`${notifications.id}`], page);
  return db
    .select()
    .from(notifications)
    .where(sql`${and(...conditionsOf(filter), bounds)} ${tail}`);
}

/** What a row must be to pass a filter. */
export function conditionsOf(filter: NotificationFilter): SQL[] {
  const conditions: SQL[] = [eq(notifications.projectId, filter.projectId)];
  const { userId, status, channel, priority, createdAfterMs, createdBeforeMs, metadata } = filter;
  if (userId !== undefined) conditions.push(eq(notifications.userId, userId));
  if (status !== undefined) conditions.push(sql`${notifications.status} = ${status}`);
  if (priority !== undefined) conditions.push(sql`${notifications.priority} = ${priority}`);
  if (createdAfterMs !== undefined)
    conditions.push(sql`${notifications.id} >= ${idFloor(createdAfterMs)}::uuid`);
  if (createdBeforeMs !== undefined)
    conditions.push(sql`${notifications.id} < ${idFloor(createdBeforeMs)}::uuid`);
  if (channel !== undefined) {
    conditions.push(sql`(exists (select from deliveries d
      where d.notification_id = ${notifications.id} and d.channel = ${channel})
      or ${channel} = any(string_to_array(${notifications.channels}, ',')))`);
  }
  for (const [key, value] of Object.entries(metadata)) conditions.push(hasLabel(key, value));
  return conditions;
}

const isEmpty = ({ metadata, ...filters }: Omit<NotificationFilter, "projectId" | "userId">) =>
  Object.keys(metadata).length === 0 && Object.values(filters).every((filter) => filter === undefined);

/**
 * A label is text, a number or a flag, and is asked for as text. The index answers only "contains", by type; what it
 * finds is compared as text, so that 42 is found by "42" and not by "42.0".
 */
function hasLabel(key: string, value: string): SQL {
  const label = (json: string) =>
    sql`${notifications.metadata} @> ${`{${JSON.stringify(key)}:${json}}`}::text::jsonb`;
  const asText = label(JSON.stringify(value));
  const contains = isJsonScalar(value) ? sql`(${asText} or ${label(value)})` : asText;
  return sql`${contains} and ${notifications.metadata} ->> ${key}::text = ${value}`;
}

/** Whether a text is a number or a flag as JSON writes it. */
const isJsonScalar = (text: string) => /^(true|false|-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?)$/.test(text);

/** What has not left is taken back: the notification itself if it was not planned yet, else its open deliveries. */
export const cancelNotification = statement<
  { id: string; projectId: string; reason: string; now: string },
  { notification_id: string; channel: string }
>(
  "cancelNotification",
  sql`
    with taken as (
      update notifications set status = 'cancelled', reason = ${p("reason")}
      where id = ${p("id")} and project_id = ${p("projectId")} and status in ('pending', 'scheduled')
      returning id
    ), stopped as (
      update deliveries set status = 'cancelled', reason = ${p("reason")}, updated_at = ${p("now")}::timestamptz
      where notification_id = ${p("id")} and project_id = ${p("projectId")} and status in ('queued', 'retrying')
      returning notification_id, channel
    ), changed as (
      select id as notification_id, '' as channel from taken union all select notification_id, channel from stopped
    ), released as (
      delete from due using changed c where due.notification_id = c.notification_id and due.channel = c.channel
    )
    select notification_id, channel from changed`,
);

/**
 * Holds the notifications whose deliveries are about to change, in the order of their ids: two processes
 * that record two deliveries of one notification take turns, and the second one sees that it is the last.
 */
export const lockNotifications = statement<{ ids: string[]; first: string; last: string }>(
  "lockNotifications",
  sql`
    select from notifications
    where ${within("id", "ids")}
    order by id for update`,
);

/** Gives its final status to each notification of which no delivery is open any more. */
export const closeNotifications = statement<
  { ids: string[]; first: string; last: string },
  { id: string; status: NotificationStatus }
>(
  "closeNotifications",
  sql`
    update notifications n
    set status = ended.status,
      reason = ended.reason
    from (
      select notification_id,
        case when bool_or(status in ('sent', 'delivered')) then 'sent'
          when bool_or(status in ('failed', 'bounced')) then 'failed'
          when bool_or(status = 'cancelled') then 'cancelled'
          else 'skipped' end as status,
        case when bool_or(status in ('sent', 'delivered')) and bool_or(status in ('failed', 'bounced'))
          then 'some_failed'
          when bool_or(status in ('sent', 'delivered')) then null
          else min(reason) end as reason
      from deliveries
      where ${within("notification_id", "ids")}
      group by notification_id
      having bool_and(status in ('sent', 'delivered', 'bounced', 'failed', 'skipped', 'cancelled'))
    ) ended
    where n.id = ended.notification_id and ${within("n.id", "ids")}
      and n.status = 'processing'
    returning n.id, n.status`,
);

/** What dispatch needs of a notification, as the event log carries it. */
export interface PendingRow {
  id: string;
  project_id: string;
  test: boolean;
  user_id: string;
  priority: string;
  channels: string | null;
  status: string;
  /** Milliseconds since the epoch. */
  expires_at: number | null;
  traceparent: string | null;
  tracestate: string | null;
}

const pendingColumns = sql.raw(`n.id, n.project_id, pr.kind = 'test' as test, n.user_id, n.priority,
  n.channels, n.status, (extract(epoch from n.expires_at) * 1000)::float8 as expires_at, n.traceparent, n.tracestate`);

/** Accepted between two ids and not planned yet, oldest first. */
export const pendingBetween = statement<{ from: string; to: string; limit: number }, PendingRow>(
  "pendingBetween",
  sql`
    select ${pendingColumns}
    from notifications n join projects pr on pr.id = n.project_id
    where n.id >= ${p("from")}::uuid and n.id < ${p("to")}::uuid and n.status = 'pending'
    order by n.id limit ${p("limit")}::int`,
);

const scheduled = statement<{ ids: string[] }, PendingRow>(
  "scheduledAmong",
  sql`
    select ${pendingColumns}
    from notifications n join projects pr on pr.id = n.project_id
    where n.id = any(${p("ids")}::uuid[]) and n.status = 'scheduled'`,
);

/** Who got the newest notifications: each user once. */
export const recentUsers = statement<{ limit: number }, { project_id: string; user_id: string }>(
  "recentUsers",
  sql`
    select distinct project_id, user_id
    from (select project_id, user_id from notifications order by id desc limit ${p("limit")}::int) newest`,
);

/** The scheduled notifications among these ids. */
export const scheduledAmong = async (db: Drizzle, ids: string[]): Promise<PendingRow[]> =>
  ids.length === 0 ? [] : scheduled(db, { ids });
