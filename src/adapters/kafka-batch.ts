import type { EachBatchPayload, KafkaMessage } from "kafkajs";
import type { Priority } from "../channels/channel.ts";
import { EventsRefused, type NotificationEvent } from "../ports.ts";
import type { KafkaTelemetry } from "../telemetry-kafka.ts";
import type { KafkaBounds } from "./kafka-bounds.ts";
import type { DeadLetter, DeadLetters } from "./kafka-dead-letters.ts";
import { decodeEvent } from "./kafka-events.ts";
import type { PartitionLags } from "./kafka-lag.ts";
import type { Turns } from "./kafka-turns.ts";
import { backoffMs, pause } from "./kafka-waits.ts";

export type Handle = (batch: NotificationEvent[], lane: Priority) => Promise<void>;

export interface BatchParts {
  lane: Priority;
  handle: Handle;
  bounds: KafkaBounds;
  telemetry: KafkaTelemetry;
  turns: Turns;
  deadLetters: DeadLetters;
  lags: PartitionLags;
  membership: Membership;
}

/** What a consumer is to its group from one dealing of partitions to the next. */
export interface Membership {
  /** Aborts when no further batch may be begun: the log closes, or partitions are dealt anew. */
  stop: AbortSignal;
  /** Aborts in the second case; its reason is what the coordinator answered. */
  expelled: AbortController;
}

/** The coordinator's answers that only joining anew helps against. */
const expelling = [
  "REBALANCE_IN_PROGRESS",
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
  "NOT_COORDINATOR_FOR_GROUP",
];

/**
 * Handles what one fetch brought of a partition, in pieces and in order: decode, hand out, then resolve. Only
 * what was handled is resolved, and only what is resolved is committed. Nothing but kafkajs's own errors is
 * thrown, which it knows to recover from; for any other it would end the consumer for good.
 */
export async function handlePartition(parts: BatchParts, payload: EachBatchPayload): Promise<void> {
  const { lane, turns, lags, membership } = parts;
  const { batch, resolveOffset, commitOffsetsIfNecessary, uncommittedOffsets } = payload;
  const isOver = () => membership.stop.aborted || !payload.isRunning() || payload.isStale();
  const first = batch.messages[0];
  membership.expelled.signal.throwIfAborted();
  if (first === undefined || isOver()) return;
  lags.fetched(batch.partition, batch.highWatermark, first.offset);

  const heartbeats = beat(parts, payload);
  try {
    for (let at = 0; at < batch.messages.length && !isOver(); ) {
      const piece = batch.messages.slice(at, at + turns.batchMax(lane));
      const last = piece[piece.length - 1] as KafkaMessage;
      if (!(await handleUntilDone(parts, payload, piece))) break;
      resolveOffset(last.offset);
      lags.handled(batch.partition, last.offset);
      at += piece.length;
      if (!isOver()) await commitOffsetsIfNecessary();
    }
    // Whoever gets this partition next begins after what was handled here.
    if (isOver()) await commitOffsetsIfNecessary(uncommittedOffsets());
  } finally {
    clearInterval(heartbeats);
  }
  membership.expelled.signal.throwIfAborted();
}

/** Heartbeats for as long as the batch takes: kafkajs sends none in the meantime. */
function beat({ bounds, membership }: BatchParts, { heartbeat }: EachBatchPayload): Timer {
  const failed = (error: { type?: string }) => {
    if (error.type !== undefined && expelling.includes(error.type)) membership.expelled.abort(error);
  };
  return setInterval(() => void heartbeat().catch(failed), bounds.heartbeatMs);
}

/** Hands a piece out until it is handled; false where there is no time left for that. */
async function handleUntilDone(
  parts: BatchParts,
  payload: EachBatchPayload,
  piece: KafkaMessage[],
): Promise<boolean> {
  const { lane, bounds, telemetry, turns, membership } = parts;
  const { stop } = membership;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await turns.take(lane, () => handlePiece(parts, payload.batch, piece));
      return true;
    } catch (error) {
      telemetry.handlingFailed(lane, error, attempt);
      await pause(backoffMs(attempt, bounds), stop);
      if (stop.aborted || !payload.isRunning() || payload.isStale()) return false;
    }
  }
}

/** Hands out what can be read, and puts aside what cannot be, along with what is refused. */
async function handlePiece(
  parts: BatchParts,
  { topic, partition }: EachBatchPayload["batch"],
  piece: KafkaMessage[],
): Promise<void> {
  const { lane, handle, telemetry } = parts;
  const events = new Map<NotificationEvent, KafkaMessage>();
  const letters: DeadLetter[] = [];
  for (const message of piece) {
    const decoded = decodeEvent(message.value);
    if ("event" in decoded) events.set(decoded.event, message);
    else letters.push({ topic, partition, message, reason: decoded.poison, detail: decoded.detail });
  }
  const refused = events.size === 0 ? [] : await refusedOf(handle([...events.keys()], lane));
  for (const { event, why } of refused) {
    const message = events.get(event);
    if (message === undefined) throw new Error("what was refused is no event of the batch");
    letters.push({ topic, partition, message, reason: "refused", detail: why });
  }
  if (letters.length > 0) await putAside(parts, letters);
  const handled = events.size - refused.length;
  if (handled > 0) telemetry.batchHandled(lane, handled);
}

async function refusedOf(handling: Promise<void>): Promise<EventsRefused["refused"]> {
  try {
    await handling;
    return [];
  } catch (error) {
    if (error instanceof EventsRefused) return error.refused;
    throw error;
  }
}

async function putAside({ lane, telemetry, deadLetters }: BatchParts, letters: DeadLetter[]): Promise<void> {
  await deadLetters.put(letters);
  for (const { topic, partition, message, reason, detail } of letters) {
    telemetry.deadLettered(lane, reason, { topic, partition, offset: message.offset, detail });
  }
}
