import { sql } from "drizzle-orm";
import { statement } from "../statement.ts";

const p = sql.placeholder;

/** Scheduled notifications whose time has come; leased, so that one sweep at a time publishes them. */
export const takeDueNotifications = statement<
  { now: string; leaseUntil: string; limit: number },
  { notification_id: string }
>(
  "takeDueNotifications",
  sql`
    update due set at = ${p("leaseUntil")}::timestamptz, leased = true
    where (notification_id, channel) in (
      select notification_id, channel from due
      where at <= ${p("now")}::timestamptz and channel = ''
      order by at limit ${p("limit")}::int for update skip locked
    )
    returning notification_id`,
);

/**
 * Deliveries on a channel that are due: retries, what found its queue full, and what a process took and did
 * not finish before its lease ran out. The latter may have been sent, so an ambiguous attempt says so.
 */
export const takeDueDeliveries = statement<
  { channel: string; provider: string; now: string; leaseUntil: string; limit: number; answer: string },
  { notification_id: string }
>(
  "takeDueDeliveries",
  sql`
    with taken as (
      update due set at = ${p("leaseUntil")}::timestamptz, leased = true
      where (notification_id, channel) in (
        select notification_id, channel from due
        where at <= ${p("now")}::timestamptz and channel = ${p("channel")}
        order by at limit ${p("limit")}::int for update skip locked
      )
      returning notification_id, channel
    ), abandoned as (
      update deliveries d set status = 'queued', updated_at = ${p("now")}::timestamptz
      from taken t
      where d.notification_id = t.notification_id and d.channel = t.channel and d.status = 'sending'
      returning d.notification_id, d.channel
    ), noted as (
      insert into attempts (notification_id, id, channel, at, provider, outcome, answer)
      select notification_id, gen_random_uuid(), channel, ${p("now")}::timestamptz, ${p("provider")}::text,
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

/** How much waits, and since when: for the metrics. */
export const dueBacklog = statement<{ now: string }, { waiting: number; oldest_seconds: number }>(
  "dueBacklog",
  sql`
    select count(*)::int as waiting,
      coalesce(extract(epoch from ${p("now")}::timestamptz - min(at)), 0)::float8 as oldest_seconds
    from due where at <= ${p("now")}::timestamptz`,
);

export const readSweepMark = statement<Record<string, never>, { notification_id: string }>(
  "readSweepMark",
  sql`select notification_id from sweep_mark`,
);

export const writeSweepMark = statement<{ id: string }>(
  "writeSweepMark",
  sql`update sweep_mark set notification_id = ${p("id")}::uuid where notification_id <> ${p("id")}::uuid`,
);
