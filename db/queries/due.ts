import { sql } from "drizzle-orm";
import { statement } from "../statement.ts";
import type { NotificationRow } from "./notifications.ts";

const p = sql.placeholder;

/**
 * The channel of a row in due, for whoever looks up a batch. As an expression it offers no index: by the index that orders
 * what is due, which has the channel too, a batch once read the whole of it for each of its rows (500 ms).
 */
export const dueChannel = sql.raw("(due.channel || '')");

/** Scheduled notifications of a lane whose time has come; leased, so that one sweep at a time publishes them. */
export const takeDueNotifications = statement<
  { priority: string; now: string; leaseUntil: string; limit: number },
  { notification_id: string }
>(
  "takeDueNotifications",
  sql`
    update due set at = ${p("leaseUntil")}::timestamptz, leased = true
    where ctid = any(array(
      select ctid from due
      where at <= ${p("now")}::timestamptz and channel = '' and priority = ${p("priority")}
      order by at limit ${p("limit")}::int for update skip locked
    ))
    returning notification_id`,
);

/**
 * Deliveries of a lane on a channel that are due: retries, what found its queue full, and what a process took and did
 * not finish before its lease ran out. The latter may have been sent, so an ambiguous attempt says so. The bounds of what
 * was taken tell which partitions need not be looked at: 500 of them took 1.7 ms with 93 days there, without bounds 12.4 ms.
 */
export const takeDueDeliveries = statement<
  {
    channel: string;
    priority: string;
    provider: string;
    now: string;
    leaseUntil: string;
    limit: number;
    /** Of the ambiguous attempts: one for all, since an id is unique within a notification. */
    attemptId: string;
    answer: string;
  },
  { notification_id: string }
>(
  "takeDueDeliveries",
  sql`
    with taken as (
      update due set at = ${p("leaseUntil")}::timestamptz, leased = true
      where ctid = any(array(
        select ctid from due
        where at <= ${p("now")}::timestamptz and channel = ${p("channel")} and priority = ${p("priority")}
        order by at limit ${p("limit")}::int for update skip locked
      ))
      returning notification_id
    ), abandoned as (
      update deliveries set status = 'queued', updated_at = ${p("now")}::timestamptz
      where notification_id = any(array(select notification_id from taken))
        and notification_id between (select notification_id from taken order by 1 limit 1)
          and (select notification_id from taken order by 1 desc limit 1)
        and channel = ${p("channel")} and status = 'sending'
      returning notification_id, channel
    ), noted as (
      insert into attempts (notification_id, id, channel, at, provider, outcome, answer)
      select notification_id, ${p("attemptId")}::uuid, channel, ${p("now")}::timestamptz, ${p("provider")}::text,
        'ambiguous', ${p("answer")}::text
      from abandoned
    )
    select notification_id from taken`,
);

/** At the start of the only process: whoever held a lease is gone. Gives how many there were. */
export const releaseLeases = statement<{ now: string }, { notification_id: string }>(
  "releaseLeases",
  sql`update due set at = ${p("now")}::timestamptz, leased = false where leased returning notification_id`,
);

/**
 * What waits, by channel (empty: scheduled notifications) and lane: only those with something due, with the
 * time of their oldest row. A probe of the index for each.
 */
export const dueLanes = statement<
  { channels: string[]; priorities: string[]; now: string },
  { channel: string; priority: NotificationRow["priority"]; overdue_seconds: number }
>(
  "dueLanes",
  sql`
    select c.channel, l.priority,
      extract(epoch from ${p("now")}::timestamptz - oldest.at)::float8 as overdue_seconds
    from unnest(${p("channels")}::text[]) c (channel)
    cross join unnest(${p("priorities")}::text[]) with ordinality l (priority, rank)
    cross join lateral (
      select at from due
      where channel = c.channel and priority = l.priority and at <= ${p("now")}::timestamptz
      order by at limit 1
    ) oldest
    order by l.rank`,
);

export const readSweepMark = statement<Record<string, never>, { notification_id: string }>(
  "readSweepMark",
  sql`select notification_id from sweep_mark`,
);

export const writeSweepMark = statement<{ id: string }>(
  "writeSweepMark",
  sql`update sweep_mark set notification_id = ${p("id")}::uuid where notification_id <> ${p("id")}::uuid`,
);
