import { deliveryIdOf, idTimeMs, newId } from "../../db/id.ts";
import { answerLine, errorLine } from "../channels/answer.ts";
import {
  addressOf,
  type Channel,
  type ExternalChannel,
  type Message,
  type Outcome,
  type Priority,
  type Provider,
  type Providers,
} from "../channels/channel.ts";
import type { Cache, Clock, Database } from "../ports.ts";
import type { Telemetry } from "../telemetry.ts";
import type { ChannelCounts } from "../telemetry-queues.ts";
import type { Tracing } from "../telemetry-tracing.ts";
import type { AttemptFacts } from "../telemetry-wide.ts";
import { type ChannelQueue, createChannelQueue } from "./channel-queue.ts";
import { type ClaimedMessage, claimMessages, releaseOffered, unclaimMessages } from "./claim.ts";
import type { LanePace } from "./lane-pace.ts";
import type { Places } from "./places.ts";
import type { Recorded, RecordStage } from "./record.ts";
import { verdictOf } from "./retry.ts";

export interface Deliver {
  /** Hands on deliveries that wait to be sent, leased until then. What finds no room stays due in the database. */
  offer(channel: ExternalChannel, lane: Priority, notificationIds: string[], leaseUntilMs: number): void;
  /** Room for deliveries of a lane that will be this process's to send with their plan. */
  places(channel: ExternalChannel, lane: Priority): Places;
  /** Sends what is this process's already. */
  take(channel: ExternalChannel, lane: Priority, claimed: ClaimedMessage[]): void;
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

/**
 * A lease of which less than this share is left, of what was not begun yet: a send may take a third of one, and its record waits
 * for those before it.
 */
const leaseLeftToBegin = 0.5;

export function createDeliver(needs: Needs): Deliver {
  const cutOff = new AbortController();
  const queues = new Map<ExternalChannel, ChannelQueue<ClaimedMessage>>();
  for (const [channel, concurrency] of Object.entries(needs.concurrency) as [ExternalChannel, number][]) {
    queues.set(
      channel,
      createChannelQueue<ClaimedMessage>({
        concurrency,
        pace: needs.pace,
        claim: (offered) => claimMessages(needs, channel, offered),
        isStale: ({ leaseUntilMs }) => leaseUntilMs - needs.clock.now() < needs.leaseMs * leaseLeftToBegin,
        unclaim: (claimed) => unclaimMessages(needs, channel, claimed),
        release: (offered) => releaseOffered(needs, channel, offered),
        run: (claimed, onOutcome) => sendOne(needs, claimed, cutOff.signal, onOutcome),
        onRoom: needs.onRoom,
        onError: (error) => needs.telemetry.failed("deliver", error, { channel }),
      }),
    );
  }
  const queueOf = (channel: ExternalChannel): ChannelQueue<ClaimedMessage> => {
    const queue = queues.get(channel);
    if (queue === undefined) throw new Error(`no queue for channel ${channel}`);
    return queue;
  };
  return {
    offer: (channel, lane, ids, leaseUntilMs) => queueOf(channel).offer(lane, ids, leaseUntilMs),
    places: (channel, lane) => queueOf(channel).places(lane),
    take: (channel, lane, claimed) => queueOf(channel).take(lane, claimed),
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
  claimed: ClaimedMessage,
  signal: AbortSignal,
  onOutcome: () => void,
): Promise<void> {
  const { clock, telemetry, tracing, record } = needs;
  const { notificationId, channel, user, last } = claimed;
  const provider = claimed.test ? needs.testProvider : needs.providers[channel];
  const startedMs = clock.now();
  const delivery = { notificationId, channel, last };
  const skipped = (reason: string): Recorded => ({
    ...delivery,
    status: "skipped",
    reason,
    tries: claimed.tries,
    retryAtMs: null,
    attempt: null,
  });
  // Erased while it was being sent, and due once more: no title is empty otherwise.
  if (claimed.title === "") return record.add(skipped("user_erased"));
  if (claimed.expiresAtMs !== null && claimed.expiresAtMs <= startedMs) return record.add(skipped("expired"));
  if (addressOf(user, channel) === null) return record.add(skipped("no_address"));
  if (provider === undefined) return record.add(skipped("no_provider"));

  const sending = messageOf(claimed);
  const span = tracing?.attemptBegan(sending.trace);
  if (span !== undefined) sending.trace = span.context;
  const beganMs = performance.now();
  const outcome = await attempt(provider, sending, signal, needs.attemptMaxMs);
  const ms = performance.now() - beganMs;
  onOutcome();
  const tries = claimed.tries + 1;
  const nowMs = clock.now();
  const verdict = verdictOf(outcome, { tries, schedule: needs.retrySchedule, nowMs, random: Math.random() });
  const { priority, deliveryId, projectId, trace } = sending;
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
  if (verdict.status === "sent" && !claimed.scheduled)
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
      answer: outcome.answer,
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
    return { kind: "ambiguous", answer: answerLine(`${provider.name} broke off: ${errorLine(error)}`) };
  } finally {
    clearTimeout(timer);
  }
}

function messageOf(claimed: ClaimedMessage): Message {
  const { notificationId, projectId, channel, user, title, body, priority, data, metadata, trace } = claimed;
  return {
    deliveryId: deliveryIdOf(notificationId, channel),
    notificationId,
    projectId,
    channel,
    user,
    title,
    body,
    priority,
    data,
    metadata,
    createdAt: new Date(idTimeMs(notificationId)),
    trace,
  };
}
