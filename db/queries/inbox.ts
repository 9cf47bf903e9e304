import { sql } from "drizzle-orm";
import { type Page, type PageParams, paged, pageOf, paramsOf } from "../page.ts";
import { type Drizzle, statement } from "../statement.ts";

const p = sql.placeholder;

export interface InboxRow {
  id: string;
  title: string;
  body: string;
  priority: string;
  data: unknown;
  metadata: unknown;
  seen_at: string | null;
  read_at: string | null;
  archived_at: string | null;
}

const time = (column: string) =>
  sql.raw(`to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ${column.slice(2)}`);

const itemColumns = sql`n.id, n.title, n.body, n.priority, n.data, n.metadata,
  ${time("d.seen_at")}, ${time("d.read_at")}, ${time("d.archived_at")}`;

export type InboxFilter = {
  projectId: string;
  userId: string;
  archived: boolean;
  unreadOnly: boolean;
};

const inboxPage = paged("listInbox", (name, page) => {
  const { bounds, tail } = pageOf([sql`d.notification_id`], page);
  return statement<InboxFilter & PageParams, InboxRow>(
    name,
    sql`
      select ${itemColumns}
      from deliveries d join notifications n on n.id = d.notification_id
      where d.project_id = ${p("projectId")} and d.user_id = ${p("userId")} and d.channel = 'inbox'
        and d.status = 'sent' and (d.archived_at is not null) = ${p("archived")}::boolean and n.title <> ''
        and (not ${p("unreadOnly")}::boolean or d.read_at is null) and ${bounds}
      ${tail}`,
  );
});

/** Newest first. What was erased is not shown, not even as archived. */
export const listInbox = (db: Drizzle, filter: InboxFilter, page: Page): Promise<InboxRow[]> =>
  inboxPage(page)(db, { ...filter, ...paramsOf(page) });

/** What a badge shows: not archived. */
export const countInbox = statement<
  { projectId: string; userId: string },
  { total: number; unseen: number; unread: number }
>(
  "countInbox",
  sql`
    select count(*)::int as total, count(*) filter (where seen_at is null)::int as unseen,
      count(*) filter (where read_at is null)::int as unread
    from deliveries
    where project_id = ${p("projectId")} and user_id = ${p("userId")} and channel = 'inbox' and status = 'sent'
      and archived_at is null`,
);

/** Which marks to set (true), to take back (false) or to leave (null). */
export interface Marks {
  seen: boolean | null;
  read: boolean | null;
  archived: boolean | null;
}

const set = (mark: "seen" | "read" | "archived") =>
  sql`${sql.raw(`${mark}_at`)} = case when ${p(mark)}::boolean is null then ${sql.raw(`${mark}_at`)}
    when ${p(mark)}::boolean then coalesce(${sql.raw(`${mark}_at`)}, ${p("now")}::timestamptz) end`;

/** Marks one item. A mark that is already set keeps its first time. */
export const markInboxItem = statement<
  { projectId: string; userId: string; notificationId: string; now: string } & Marks &
    Record<string, unknown>,
  InboxRow
>(
  "markInboxItem",
  sql`
    with d as (
      update deliveries set ${set("seen")}, ${set("read")}, ${set("archived")}
      where notification_id = ${p("notificationId")} and channel = 'inbox' and status = 'sent'
        and project_id = ${p("projectId")} and user_id = ${p("userId")}
        and exists (select from notifications where id = ${p("notificationId")} and title <> '')
      returning notification_id, seen_at, read_at, archived_at
    )
    select ${itemColumns} from d join notifications n on n.id = d.notification_id`,
);

/** Marks everything that is not archived and not marked so yet. */
export const markInbox = statement<
  { projectId: string; userId: string; now: string } & Marks & Record<string, unknown>,
  { notification_id: string }
>(
  "markInbox",
  sql`
    update deliveries set ${set("seen")}, ${set("read")}, ${set("archived")}
    where project_id = ${p("projectId")} and user_id = ${p("userId")} and channel = 'inbox' and status = 'sent'
      and archived_at is null
      and ((${p("seen")}::boolean and seen_at is null) or (${p("read")}::boolean and read_at is null)
        or ${p("archived")}::boolean)
    returning notification_id`,
);
