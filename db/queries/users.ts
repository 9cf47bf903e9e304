import { and, eq, sql } from "drizzle-orm";
import { batchInsert, unnested } from "../batch-insert.ts";
import { users } from "../schema.ts";
import { type Drizzle, prepared, statement } from "../statement.ts";

const p = sql.placeholder;

export type UserRow = typeof users.$inferSelect;

export interface ProfileColumns {
  projectIds: string[];
  ids: string[];
  emails: (string | null)[];
  phones: (string | null)[];
  webhookUrls: (string | null)[];
  names: (string | null)[];
  locales: (string | null)[];
  timezones: (string | null)[];
  now: string;
}

const profile = {
  projectIds: users.projectId,
  ids: users.id,
  emails: users.email,
  phones: users.phone,
  webhookUrls: users.webhookUrl,
  names: users.name,
  locales: users.locale,
  timezones: users.timezone,
};

const now = sql`${p("now")}::timestamptz`;

/**
 * The profiles that came inline with notifications: a field that was not given keeps its value. A profile that says nothing new
 * is not written. Gives when each was last changed, and whether that was now.
 */
export const mergeUsers = statement<
  ProfileColumns & Record<string, unknown>,
  { project_id: string; id: string; changed: boolean; changed_at: number }
>(
  "mergeUsers",
  sql`
    with given as (
      select t.* from ${unnested(profile)} order by t.project_id, t.id
    ), written as (
      insert into users as u
        (project_id, id, email, phone, webhook_url, name, locale, timezone, created_at, updated_at)
      select given.*, ${now}, ${now} from given
      on conflict (project_id, id) do update set
        email = coalesce(excluded.email, u.email), phone = coalesce(excluded.phone, u.phone),
        webhook_url = coalesce(excluded.webhook_url, u.webhook_url), name = coalesce(excluded.name, u.name),
        locale = coalesce(excluded.locale, u.locale), timezone = coalesce(excluded.timezone, u.timezone),
        updated_at = excluded.updated_at
      where (coalesce(excluded.email, u.email), coalesce(excluded.phone, u.phone),
          coalesce(excluded.webhook_url, u.webhook_url), coalesce(excluded.name, u.name),
          coalesce(excluded.locale, u.locale), coalesce(excluded.timezone, u.timezone))
        is distinct from (u.email, u.phone, u.webhook_url, u.name, u.locale, u.timezone)
      returning project_id, id
    )
    select given.project_id, given.id, written.id is not null as changed,
      (extract(epoch from case when written.id is null then known.updated_at else ${now} end)
        * 1000)::float8 as changed_at
    from given
    left join written on written.project_id = given.project_id and written.id = given.id
    left join users known on known.project_id = given.project_id and known.id = given.id`,
);

/** A profile as a whole: a field that was not given is emptied. */
export const replaceUsers = batchInsert<ProfileColumns & Record<string, unknown>>("replaceUsers", users, {
  arrays: profile,
  constants: [
    [users.createdAt, now],
    [users.updatedAt, now],
  ],
  tail: sql`
    on conflict (project_id, id) do update set
      email = excluded.email, phone = excluded.phone, webhook_url = excluded.webhook_url,
      name = excluded.name, locale = excluded.locale, timezone = excluded.timezone,
      updated_at = excluded.updated_at`,
});

const getUserById = prepared("getUserById", (db) =>
  db
    .select()
    .from(users)
    .where(and(eq(users.projectId, p("projectId")), eq(users.id, p("id")))),
);

export async function getUser(
  db: Drizzle,
  where: { projectId: string; id: string },
): Promise<UserRow | undefined> {
  const [row] = await getUserById(db).execute(where);
  return row;
}

/** Many at once, in any order; those that do not exist are left out. */
export const getUsers = statement<
  { projectIds: string[]; ids: string[] },
  {
    project_id: string;
    id: string;
    email: string | null;
    phone: string | null;
    webhook_url: string | null;
    name: string | null;
    locale: string | null;
    timezone: string | null;
    /** Milliseconds since the epoch. */
    changed_at: number;
  }
>(
  "getUsers",
  sql`
    select u.project_id, u.id, email, phone, webhook_url, name, locale, timezone,
      (extract(epoch from updated_at) * 1000)::float8 as changed_at
    from unnest(${p("projectIds")}::uuid[], ${p("ids")}::text[]) as t (project_id, id)
    join users u on u.project_id = t.project_id and u.id = t.id`,
);

export interface Erased {
  profiles: number;
  notifications: number;
  deliveries_cancelled: number;
  attempt_answers: number;
  sandbox_messages: number;
  /** Of the notifications, comma-separated. */
  ids: string;
}

/**
 * Erases what is personal of a user: the profile, the content of every notification, what providers
 * answered, what the sandbox kept. What has not left is cancelled, dead letters included, since there is
 * nothing left to send again. Ids, times and states stay, as the record of what happened, but leave the
 * inbox. Erasing again finds nothing: no title is empty otherwise.
 */
export const eraseUser = statement<{ projectId: string; id: string; now: string }, Erased>(
  "eraseUser",
  sql`
    with profile as (
      delete from users where project_id = ${p("projectId")} and id = ${p("id")} returning 1
    ), emptied as (
      update notifications set title = '', body = '', data = null, metadata = null, tracestate = null,
        reason = case when status in ('pending', 'scheduled') then 'user_erased' else reason end,
        status = case when status in ('pending', 'scheduled') then 'cancelled' else status end
      where project_id = ${p("projectId")} and user_id = ${p("id")} and title <> ''
      returning id
    ), stopped as (
      update deliveries set status = 'cancelled', reason = 'user_erased', updated_at = ${p("now")}::timestamptz
      from emptied where deliveries.notification_id = emptied.id and status in ('queued', 'retrying', 'failed')
      returning notification_id, channel
    ), put_away as (
      update deliveries set archived_at = coalesce(archived_at, ${p("now")}::timestamptz)
      from emptied where deliveries.notification_id = emptied.id and channel = 'inbox' and status = 'sent'
    ), unburied as (
      delete from dead_letters using emptied
      where dead_letters.project_id = ${p("projectId")} and dead_letters.notification_id = emptied.id
    ), released as (
      delete from due using stopped
      where due.notification_id = stopped.notification_id and due.channel = stopped.channel
    ), unscheduled as (
      delete from due using emptied where due.notification_id = emptied.id and due.channel = ''
    ), answers as (
      update attempts set answer = '' from emptied
      where attempts.notification_id = emptied.id and answer <> '' returning 1
    ), kept as (
      delete from sandbox_messages where project_id = ${p("projectId")} and user_id = ${p("id")} returning 1
    )
    select (select coalesce(string_agg(id::text, ','), '') from emptied) as ids,
      (select count(*) from profile)::int as profiles, (select count(*) from emptied)::int as notifications,
      (select count(*) from stopped)::int as deliveries_cancelled,
      (select count(*) from answers)::int as attempt_answers,
      (select count(*) from kept)::int as sandbox_messages`,
);

/**
 * Holds what an erasure is about to empty, in the order of the ids. In a statement before it, so that it sees what was
 * being written meanwhile, such as a provider's answer: a statement sees what was committed when it began.
 */
export const lockNotificationsOfUser = statement<{ projectId: string; id: string }>(
  "lockNotificationsOfUser",
  sql`
    select from notifications
    where project_id = ${p("projectId")} and user_id = ${p("id")} and title <> ''
    order by id for update`,
);

/** The notifications of a user that wait for deliveries which were just cancelled. */
export const openNotificationIdsOf = statement<{ projectId: string; id: string }, { id: string }>(
  "openNotificationIdsOf",
  sql`
    select id from notifications
    where project_id = ${p("projectId")} and user_id = ${p("id")} and status = 'processing'`,
);
