import { deliveryIdOf, idTimeMs, newId } from "../../db/id.ts";
import {
  type ClaimedRow,
  claimDeliveries,
  releaseWaiting,
  unclaimDeliveries,
} from "../../db/queries/deliveries.ts";
import {
  addressOf,
  answerMaxChars,
  type Channel,
  type ExternalChannel,
  type Json,
  type Message,
  type Outcome,
  type Priority,
  type Profile,
  type Provider,
  type Providers,
} from "../channels/channel.ts";
import type { Cache, Clock, Database } from "../ports.ts";
import type { Telemetry } from "../telemetry.ts";
import { type ChannelQueue, createChannelQueue } from "./channel-queue.ts";
import { loadProfiles } from "./profiles.ts";
import type { Recorded, RecordStage } from "./record.ts";
import { verdictOf } from "./retry.ts";
import { iso } from "./time.ts";

export interface Deliver {
  /** Hands on deliveries that wait to be sent. What finds no room stays due in the database. */
  offer(channel: ExternalChannel, lane: Priority, notificationIds: string[]): void;
  /** How many more deliveries of a lane the channel's queue takes. */
  room(channel: ExternalChannel, lane: Priority): number;
  /** The channels whose queues may have no room for so many more deliveries of a lane. */
  fullChannels(lane: Priority, count: number): ExternalChannel[];
  reachable(channel: Channel): boolean;
  /** Sends nothing more. Waits `graceMs` for what is under way, then cuts it off; all of it is recorded. */
  stop(graceMs: number): Promise<void>;
}

interface Needs {
  db: Database;
  cache: Cache;
  clock: Clock;
  telemetry: Telemetry;
  record: RecordStage;
  providers: Providers;
  testProvider: Provider;
  retrySchedule: readonly number[];
  leaseMs: number;
  cachePreferencesTtlSeconds: number;
  /** Sends under way at the same time, a channel. */
  concurrency: Record<ExternalChannel, number>;
  /** After how long an attempt counts as ambiguous even if its provider never settles. */
  attemptMaxMs: number;
  /** Called when a queue that was full has room again. */
  onRoom: () => void;
}

export function createDeliver(needs: Needs): Deliver {
  const cutOff = new AbortController();
  const queues = new Map<ExternalChannel, ChannelQueue>();
  for (const [channel, concurrency] of Object.entries(needs.concurrency) as [ExternalChannel, number][]) {
    queues.set(
      channel,
      createChannelQueue<ClaimedMessage>({
        concurrency,
        claim: (ids) => claim(needs, channel, ids),
        unclaim: (claimed) => unclaim(needs, channel, claimed),
        release: (ids) => release(needs, channel, ids),
        run: (claimed) => sendOne(needs, claimed, cutOff.signal),
        onRoom: needs.onRoom,
        onError: (error) => needs.telemetry.failed("deliver", error, { channel }),
      }),
    );
  }
  const queueOf = (channel: ExternalChannel): ChannelQueue => {
    const queue = queues.get(channel);
    if (queue === undefined) throw new Error(`no queue for channel ${channel}`);
    return queue;
  };
  return {
    offer: (channel, lane, ids) => queueOf(channel).offer(lane, ids),
    room: (channel, lane) => queueOf(channel).room(lane),
    fullChannels: (lane, count) =>
      [...queues].filter(([, queue]) => queue.room(lane) < count).map(([channel]) => channel),
    reachable: (channel) => channel === "inbox" || needs.providers[channel] !== undefined,
    async stop(graceMs) {
      const timer = setTimeout(() => {
        cutOff.abort();
        needs.record.giveUp();
      }, graceMs);
      await Promise.all([...queues.values()].map((queue) => queue.stop()));
      clearTimeout(timer);
      await needs.record.drained();
    },
  };
}

interface ClaimedMessage {
  row: ClaimedRow;
  user: Profile;
  /** From then on another process may send it. */
  leaseUntilMs: number;
}

async function claim(needs: Needs, channel: ExternalChannel, ids: string[]): Promise<ClaimedMessage[]> {
  const sorted = ids.toSorted();
  const nowMs = needs.clock.now();
  const leaseUntilMs = nowMs + needs.leaseMs;
  const rows = await claimDeliveries(needs.db.orm, {
    notificationIds: sorted,
    channels: sorted.map(() => channel),
    first: sorted[0] ?? "",
    last: sorted.at(-1) ?? "",
    now: iso(nowMs),
    leaseUntil: iso(leaseUntilMs),
  });
  const users = await loadProfiles(
    needs,
    rows.map(({ project_id, user_id }) => ({ projectId: project_id, userId: user_id })),
  );
  return rows.flatMap((row, index) => {
    const user = users[index];
    return user === undefined ? [] : [{ row, user, leaseUntilMs }];
  });
}

async function unclaim(
  { db, clock }: Needs,
  channel: ExternalChannel,
  claimed: ClaimedMessage[],
): Promise<void> {
  await unclaimDeliveries(db.orm, {
    notificationIds: claimed.map(({ row }) => row.notification_id),
    channels: claimed.map(() => channel),
    now: iso(clock.now()),
  });
}

async function release({ db, clock }: Needs, channel: ExternalChannel, ids: string[]): Promise<void> {
  const sorted = ids.toSorted();
  await releaseWaiting(db.orm, {
    notificationIds: sorted,
    channel,
    first: sorted[0] ?? "",
    last: sorted.at(-1) ?? "",
    now: iso(clock.now()),
  });
}

/** One delivery: what it is given to, what that answered, what follows from it. Never throws. */
async function sendOne(
  needs: Needs,
  { row, user, leaseUntilMs }: ClaimedMessage,
  signal: AbortSignal,
): Promise<void> {
  const { clock, telemetry, record } = needs;
  const channel = row.channel as ExternalChannel;
  const provider = row.test ? needs.testProvider : needs.providers[channel];
  const startedMs = clock.now();
  // It waited while the database kept those before it from being recorded, and the sweep has it by now.
  if (startedMs >= leaseUntilMs) return;
  const skipped = (reason: string): Recorded => ({
    notificationId: row.notification_id,
    channel,
    status: "skipped",
    reason,
    tries: row.tries,
    retryAtMs: null,
    attempt: null,
  });
  // Erased while it was being sent, and due once more: no title is empty otherwise.
  if (row.title === "") return record.add(skipped("user_erased"));
  if (row.expires_at !== null && row.expires_at <= startedMs) return record.add(skipped("expired"));
  if (addressOf(user, channel) === null) return record.add(skipped("no_address"));
  if (provider === undefined) return record.add(skipped("no_provider"));

  const outcome = await attempt(provider, messageOf(row, user), signal, needs.attemptMaxMs);
  const tries = row.tries + 1;
  const nowMs = clock.now();
  const verdict = verdictOf(outcome, { tries, schedule: needs.retrySchedule, nowMs, random: Math.random() });
  const priority = row.priority as Priority;
  telemetry.recordNotificationSent(channel, priority, outcome.kind);
  if (verdict.status === "sent")
    telemetry.deliveryEnded(priority, channel, idTimeMs(row.notification_id), nowMs);
  await record.add({
    notificationId: row.notification_id,
    channel,
    ...verdict,
    tries,
    attempt: {
      id: newId(nowMs),
      atMs: startedMs,
      provider: provider.name,
      outcome: outcome.kind,
      answer: outcome.answer.slice(0, answerMaxChars),
    },
  });
}

/** A provider that throws or never settles is a defect of ours, but no reason to lose the delivery. */
async function attempt(
  provider: Provider,
  message: Message,
  signal: AbortSignal,
  maxMs: number,
): Promise<Outcome> {
  let timer: Timer | undefined;
  const overdue = new Promise<Outcome>((resolve) => {
    timer = setTimeout(() => resolve({ kind: "ambiguous", answer: `no outcome after ${maxMs} ms` }), maxMs);
  });
  try {
    return await Promise.race([provider.send(message, signal), overdue]);
  } catch (error) {
    return { kind: "ambiguous", answer: `${provider.name} broke off: ${(error as Error).message}` };
  } finally {
    clearTimeout(timer);
  }
}

function messageOf(row: ClaimedRow, user: Profile): Message {
  return {
    deliveryId: deliveryIdOf(row.notification_id, row.channel),
    notificationId: row.notification_id,
    projectId: row.project_id,
    channel: row.channel as ExternalChannel,
    user,
    title: row.title,
    body: row.body,
    priority: row.priority as Priority,
    data: row.data as Json,
    metadata: row.metadata as Json,
    createdAt: new Date(idTimeMs(row.notification_id)),
  };
}
