import { sql } from "drizzle-orm";
import { within } from "../partitions.ts";
import { statement } from "../statement.ts";
import { dueChannel } from "./due.ts";

/**
 * Who sends a delivery. Each statement takes a batch of one channel and finds its rows by their ids alone: joined to a list of
 * what was asked for, they were compared each with each, 57 µs a row at 64 a claim and 370 µs at 500.
 */

const p = sql.placeholder;

/** The notifications of a batch, sorted, with their bounds. */
interface Batch extends Record<string, unknown> {
  ids: string[];
  first: string;
  last: string;
  channel: string;
  now: string;
}

export interface ClaimedRow {
  notification_id: string;
  project_id: string;
  user_id: string;
  /** Before this one. */
  tries: number;
}

/**
 * Takes deliveries to send them: who moves a row to `sending` sends it, nobody else does. Of those in `renewedIds`
 * the lease begins anew.
 */
export const claimDeliveries = statement<Batch & { renewedIds: string[]; leaseUntil: string }, ClaimedRow>(
  "claimDeliveries",
  sql`
    with claimed as (
      update deliveries set status = 'sending', updated_at = ${p("now")}::timestamptz
      where ${within("notification_id", "ids")} and channel = ${p("channel")} and status in ('queued', 'retrying')
      returning notification_id, project_id, user_id, tries
    ), renewed as (
      update due set at = ${p("leaseUntil")}::timestamptz, leased = true
      where due.notification_id = any(${p("renewedIds")}::uuid[]) and ${dueChannel} = ${p("channel")}
        and (due.notification_id in (select notification_id from claimed)) is true
    )
    select notification_id, project_id, user_id, tries from claimed`,
);

export interface MessageRow {
  id: string;
  test: boolean;
  title: string;
  body: string;
  priority: string;
  data: unknown;
  metadata: unknown;
  /** Both in milliseconds since the epoch. */
  send_at: number | null;
  expires_at: number | null;
  traceparent: string | null;
  tracestate: string | null;
  /**
   * Every other delivery has ended for good, and none has failed: if this one is sent, its notification is. It stays so:
   * all deliveries of a notification are made at once, and only what failed is replayed.
   */
  last: boolean;
}

/** What is said in the notifications of a batch, for the deliveries on one channel. */
export const messagesToSend = statement<Omit<Batch, "now">, MessageRow>(
  "messagesToSend",
  sql`
    select n.id, (n.project_id in (select id from projects where kind = 'test')) as test, n.title, n.body, n.priority,
      n.data, n.metadata, (extract(epoch from n.send_at) * 1000)::float8 as send_at,
      (extract(epoch from n.expires_at) * 1000)::float8 as expires_at, n.traceparent, n.tracestate,
      not exists (
        select from deliveries d
        where d.notification_id = n.id and d.channel <> ${p("channel")}
          and d.status not in ('sent', 'delivered', 'skipped', 'cancelled')
      ) as last
    from notifications n
    where ${within("n.id", "ids")}`,
);

/** What goes back names its leases: what has another by now is another process's. */
interface Leased extends Batch {
  /** Until when they are, each once. */
  leases: string[];
}

/** What was claimed and never begun goes back, as if it had not been touched. */
export const unclaimDeliveries = statement<Leased>(
  "unclaimDeliveries",
  sql`
    with freed as (
      update due set at = ${p("now")}::timestamptz, leased = false
      where due.notification_id = any(${p("ids")}::uuid[]) and ${dueChannel} = ${p("channel")}
        and due.leased and due.at = any(${p("leases")}::timestamptz[])
      returning notification_id
    )
    update deliveries set status = 'queued'
    where ${within("notification_id", "ids")} and channel = ${p("channel")} and status = 'sending'
      and (notification_id in (select notification_id from freed)) is true`,
);

/**
 * Gives back what was taken to be sent and not even begun, so that another process need not wait for the lease to run
 * out. What somebody is sending by now is left to them.
 */
export const releaseWaiting = statement<Leased>(
  "releaseWaiting",
  sql`
    with waiting as (
      select notification_id from deliveries
      where ${within("notification_id", "ids")} and channel = ${p("channel")} and status in ('queued', 'retrying')
    )
    update due set at = ${p("now")}::timestamptz, leased = false
    where due.notification_id = any(array(select notification_id from waiting)) and ${dueChannel} = ${p("channel")}
      and due.leased and due.at = any(${p("leases")}::timestamptz[])`,
);
