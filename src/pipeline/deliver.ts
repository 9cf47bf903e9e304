import { deliveryIdOf, idTimeMs, newId } from "../../db/id.ts";
import type { ClaimedRow, MessageRow } from "../../db/queries/claims.ts";
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
import type { ChannelCounts } from "../telemetry-queues.ts";
import type { Tracing } from "../telemetry-tracing.ts";
import type { AttemptFacts } from "../telemetry-wide.ts";
import { traceOfColumns } from "../trace-context.ts";
import { type ChannelQueue, createChannelQueue } from "./channel-queue.ts";
import { type ClaimedMessage, claimMessages, releaseOffered, unclaimMessages } from "./claim.ts";
import type { LanePace } from "./lane-pace.ts";
import type { Recorded, RecordStage } from "./record.ts";
import { verdictOf } from "./retry.ts";

export interface Deliver {
  /** Hands on deliveries that wait to be sent, leased until then. What finds no room stays due in the database. */
  offer(channel: ExternalChannel, lane: Priority, notificationIds: string[], leaseUntilMs: number): void;
  /** How many more deliveries of a lane the channel's queue takes. */
  room(channel: ExternalChannel, lane: Priority): number;
  /** The channels whose queues may have no room for so many more deliveries of a lane. */
  fullChannels(lane: Priority, count: number): ExternalChannel[];
  reachable(channel: Channel): boolean;
  /** What each channel's queue holds now. */
  counts(): Iterable<[ExternalChannel, ChannelCounts]>;
  /** Sends nothing more. Waits `graceMs` for what is under way, then cuts it off; all of it is recorded. */
  stop(graceMs: number): Promise<void>;
}

interface Needs {
  db: Database;
  cache: Cache;
  clock: Clock;
  telemetry: Telemetry;
  pace: LanePace;
  tracing: Tracing | null;
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
        pace: needs.pace,
        claim: (offered) => claimMessages(needs, channel, offered),
        unclaim: (claimed) => unclaimMessages(needs, channel, claimed),
        release: (ids) => releaseOffered(needs, channel, ids),
        run: (claimed, onOutcome) => sendOne(needs, claimed, cutOff.signal, onOutcome),
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
    offer: (channel, lane, ids, leaseUntilMs) => queueOf(channel).offer(lane, ids, leaseUntilMs),
    room: (channel, lane) => queueOf(channel).room(lane),
    fullChannels: (lane, count) =>
      [...queues].filter(([, queue]) => queue.room(lane) < count).map(([channel]) => channel),
    reachable: (channel) => channel === "inbox" || needs.providers[channel] !== undefined,
    counts: () => queues.entries().map(([channel, queue]) => [channel, queue.counts()]),
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

/** One delivery: what it is given to, what that answered, what follows from it. Never throws. */
async function sendOne(
  needs: Needs,
  { row, channel, message, user, leaseUntilMs }: ClaimedMessage,
  signal: AbortSignal,
  onOutcome: () => void,
): Promise<void> {
  const { clock, telemetry, tracing, record } = needs;
  const provider = message.test ? needs.testProvider : needs.providers[channel];
  const startedMs = clock.now();
  // It waited while the database kept those before it from being recorded, and the sweep has it by now.
  if (startedMs >= leaseUntilMs) return;
  const delivery = { notificationId: row.notification_id, channel, last: message.last };
  const skipped = (reason: string): Recorded => ({
    ...delivery,
    status: "skipped",
    reason,
    tries: row.tries,
    retryAtMs: null,
    attempt: null,
  });
  // Erased while it was being sent, and due once more: no title is empty otherwise.
  if (message.title === "") return record.add(skipped("user_erased"));
  if (message.expires_at !== null && message.expires_at <= startedMs) return record.add(skipped("expired"));
  if (addressOf(user, channel) === null) return record.add(skipped("no_address"));
  if (provider === undefined) return record.add(skipped("no_provider"));

  const sending = messageOf(row, channel, message, user);
  const span = tracing?.attemptBegan(sending.trace);
  if (span !== undefined) sending.trace = span.context;
  const beganMs = performance.now();
  const outcome = await attempt(provider, sending, signal, needs.attemptMaxMs);
  const ms = performance.now() - beganMs;
  onOutcome();
  const tries = row.tries + 1;
  const nowMs = clock.now();
  const verdict = verdictOf(outcome, { tries, schedule: needs.retrySchedule, nowMs, random: Math.random() });
  const { priority, deliveryId, notificationId, projectId, trace } = sending;
  telemetry.recordNotificationSent(channel, priority, outcome.kind);
  const facts: AttemptFacts = {
    deliveryId,
    notificationId,
    projectId,
    userId: user.id,
    channel,
    priority,
    provider: provider.name,
    tries,
    outcome: outcome.kind,
    status: verdict.status,
    reason: verdict.reason,
    answer: outcome.answer,
    ms,
    retryAtMs: verdict.retryAtMs,
    trace,
  };
  telemetry.attemptEnded(facts);
  span?.end(facts);
  const acceptedMs = idTimeMs(notificationId);
  const isScheduled = message.send_at !== null && message.send_at > acceptedMs;
  if (verdict.status === "sent" && !isScheduled)
    telemetry.deliveryEnded(priority, channel, acceptedMs, nowMs);
  await record.add({
    ...delivery,
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

function messageOf(
  row: ClaimedRow,
  channel: ExternalChannel,
  { title, body, priority, data, metadata, traceparent, tracestate }: MessageRow,
  user: Profile,
): Message {
  return {
    deliveryId: deliveryIdOf(row.notification_id, channel),
    notificationId: row.notification_id,
    projectId: row.project_id,
    channel,
    user,
    title,
    body,
    priority: priority as Priority,
    data: data as Json,
    metadata: metadata as Json,
    createdAt: new Date(idTimeMs(row.notification_id)),
    trace: traceOfColumns(traceparent, tracestate),
  };
}
