import { idTimeMs } from "../../db/id.ts";
import {
  type ClaimedRow,
  claimDeliveries,
  type MessageRow,
  messagesToSend,
  releaseWaiting,
  unclaimDeliveries,
} from "../../db/queries/claims.ts";
import type { ExternalChannel, Json, Priority, Profile } from "../channels/channel.ts";
import type { Cache, Clock, Database } from "../ports.ts";
import { type TraceContext, traceOfColumns } from "../trace-context.ts";
import type { Offered } from "./channel-lane.ts";
import { loadProfiles } from "./profiles.ts";
import { iso } from "./time.ts";

interface Needs {
  db: Database;
  cache: Cache;
  clock: Clock;
  leaseMs: number;
  cachePreferencesTtlSeconds: number;
}

/** A delivery that is ours to send, with all that its message needs. */
export interface ClaimedMessage {
  notificationId: string;
  projectId: string;
  channel: ExternalChannel;
  user: Profile;
  /** Before this one. */
  tries: number;
  test: boolean;
  priority: Priority;
  /** Empty where its user was erased. */
  title: string;
  body: string;
  data: Json;
  metadata: Json;
  /** It was to be sent later than it was accepted. */
  scheduled: boolean;
  /** In milliseconds since the epoch. */
  expiresAtMs: number | null;
  trace: TraceContext | null;
  /** Every other delivery of its notification has ended for good, and none has failed: if this one is sent, that is. */
  last: boolean;
  /** From then on another process may send it. */
  leaseUntilMs: number;
}

/** A lease of which less than this share is left begins anew with the claim: what a send may take must be left of it. */
const leaseLeftToClaim = 0.75;

/** Makes deliveries ours; gives those that still were to be had. */
export async function claimMessages(
  needs: Needs,
  channel: ExternalChannel,
  offered: Offered[],
): Promise<ClaimedMessage[]> {
  const nowMs = needs.clock.now();
  const renewedUntilMs = nowMs + needs.leaseMs;
  const leases = new Map(offered.map(({ id, leaseUntilMs }) => [id, leaseUntilMs]));
  const renewedIds = offered
    .filter(({ leaseUntilMs }) => leaseUntilMs - nowMs < needs.leaseMs * leaseLeftToClaim)
    .map(({ id }) => id);
  for (const id of renewedIds) leases.set(id, renewedUntilMs);
  const batch = batchOf([...leases.keys()]);
  const { orm } = needs.db;
  const [rows, messages] = await Promise.all([
    claimDeliveries(orm, {
      ...batch,
      channel,
      renewedIds,
      now: iso(nowMs),
      leaseUntil: iso(renewedUntilMs),
    }),
    messagesToSend(orm, { ...batch, channel }),
  ]);
  const messageOf = new Map(messages.map((message) => [message.id, message]));
  const users = await loadProfiles(
    needs,
    rows.map(({ project_id, user_id }) => ({ projectId: project_id, userId: user_id })),
  );
  return rows.flatMap((row, index) => {
    const [message, user] = [messageOf.get(row.notification_id), users[index]];
    const leaseUntilMs = leases.get(row.notification_id) ?? renewedUntilMs;
    return message && user ? [claimedOf(row, message, { channel, user, leaseUntilMs })] : [];
  });
}

function claimedOf(
  { notification_id, project_id, tries }: ClaimedRow,
  {
    test,
    priority,
    title,
    body,
    data,
    metadata,
    send_at,
    expires_at,
    traceparent,
    tracestate,
    last,
  }: MessageRow,
  own: Pick<ClaimedMessage, "channel" | "user" | "leaseUntilMs">,
): ClaimedMessage {
  return {
    ...own,
    notificationId: notification_id,
    projectId: project_id,
    tries,
    test,
    priority: priority as Priority,
    title,
    body,
    data: data as Json,
    metadata: metadata as Json,
    scheduled: send_at !== null && send_at > idTimeMs(notification_id),
    expiresAtMs: expires_at,
    trace: traceOfColumns(traceparent, tracestate),
    last,
  };
}

function batchOf(ids: string[]): { ids: string[]; first: string; last: string } {
  const sorted = ids.toSorted();
  return { ids: sorted, first: sorted[0] ?? "", last: sorted.at(-1) ?? "" };
}

/** Until when they are leased to us, each time once: a lease that ran out may be another's, and is not given back. */
const leasesOf = (leased: Pick<Offered, "leaseUntilMs">[]): string[] =>
  [...new Set(leased.map(({ leaseUntilMs }) => leaseUntilMs))].map(iso);

/** What was claimed and never begun goes back, as if it had not been touched. */
export async function unclaimMessages(
  { db, clock }: Pick<Needs, "db" | "clock">,
  channel: ExternalChannel,
  claimed: ClaimedMessage[],
): Promise<void> {
  const batch = batchOf(claimed.map(({ notificationId }) => notificationId));
  await unclaimDeliveries(db.orm, { ...batch, channel, leases: leasesOf(claimed), now: iso(clock.now()) });
}

/** Gives back what was offered and never claimed. */
export async function releaseOffered(
  { db, clock }: Pick<Needs, "db" | "clock">,
  channel: ExternalChannel,
  offered: Offered[],
): Promise<void> {
  const batch = batchOf(offered.map(({ id }) => id));
  await releaseWaiting(db.orm, { ...batch, channel, leases: leasesOf(offered), now: iso(clock.now()) });
}
