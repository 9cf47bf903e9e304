import {
  type ClaimedRow,
  claimDeliveries,
  type MessageRow,
  messagesToSend,
  releaseWaiting,
  unclaimDeliveries,
} from "../../db/queries/claims.ts";
import type { ExternalChannel, Profile } from "../channels/channel.ts";
import type { Cache, Clock, Database } from "../ports.ts";
import type { Offered } from "./channel-queue.ts";
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
  row: ClaimedRow;
  channel: ExternalChannel;
  message: MessageRow;
  user: Profile;
  /** From then on another process may send it. */
  leaseUntilMs: number;
}

/** A lease of which less than this share is left begins anew with the claim: what a send may take must be left of it. */
const leaseLeftMin = 0.75;

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
    .filter(({ leaseUntilMs }) => leaseUntilMs - nowMs < needs.leaseMs * leaseLeftMin)
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
    return message && user ? [{ row, channel, message, user, leaseUntilMs }] : [];
  });
}

function batchOf(ids: string[]): { ids: string[]; first: string; last: string } {
  const sorted = ids.toSorted();
  return { ids: sorted, first: sorted[0] ?? "", last: sorted.at(-1) ?? "" };
}

/** What was claimed and never begun goes back, as if it had not been touched. */
export async function unclaimMessages(
  { db, clock }: Pick<Needs, "db" | "clock">,
  channel: ExternalChannel,
  claimed: ClaimedMessage[],
): Promise<void> {
  const ids = claimed.map(({ row }) => row.notification_id);
  await unclaimDeliveries(db.orm, { ...batchOf(ids), channel, now: iso(clock.now()) });
}

/** Gives back what was offered and never claimed. */
export async function releaseOffered(
  { db, clock }: Pick<Needs, "db" | "clock">,
  channel: ExternalChannel,
  ids: string[],
): Promise<void> {
  await releaseWaiting(db.orm, { ...batchOf(ids), channel, now: iso(clock.now()) });
}
