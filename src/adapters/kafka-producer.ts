import type { ICustomPartitioner, Kafka, Producer } from "kafkajs";
import type { Priority } from "../channels/channel.ts";
import type { NotificationEvent } from "../ports.ts";
import type { KafkaTelemetry } from "../telemetry-kafka.ts";
import type { KafkaBounds } from "./kafka-bounds.ts";
import { LaneBuffer } from "./kafka-buffer.ts";
import type { KafkaSettings } from "./kafka-client.ts";
import { compressionTypes } from "./kafka-codecs.ts";
import type { Faults } from "./kafka-faults.ts";
import { isTooLarge, refusalOf } from "./kafka-refusals.ts";
import { laneTopic } from "./kafka-topics.ts";
import { aborted, backoffMs, pause, settledWithin } from "./kafka-waits.ts";

interface LanePublisherParts {
  kafka: Kafka;
  lane: Priority;
  settings: KafkaSettings;
  bounds: KafkaBounds;
  telemetry: KafkaTelemetry;
  faults: Faults;
  /** Resolves once the topics are there. */
  ready: Promise<void>;
}

/**
 * Any hash will do as long as all who publish use the same: kafkajs's own, Kafka's murmur2 in arithmetic on big
 * integers, was 15 % of the publishing thread's time.
 */
const createPartitioner: ICustomPartitioner =
  () =>
  ({ partitionMetadata, message }) =>
    Bun.hash.xxHash32(String(message.key)) % partitionMetadata.length;

/**
 * Collects a lane's events and sends them, one send at a time, by an idempotent producer of its own.
 *
 * One at a time: kafkajs takes a sequence number back when a send fails, and gives it to whichever send comes next
 * (tulios/kafkajs#598). With two of a partition under way the brokers refuse the second, or take it for a
 * repetition of the first and drop it; and a retry would come after its successor. Nor would two be faster: an
 * idempotent producer of kafkajs locks the broker for each send. That lock is also why each lane has a producer,
 * so that none waits for another's. What arrives during a send goes out with the next one, so that sends grow with
 * the load. kafkajs has no linger, so the waiting is done here: at 10,000 events a second, published one by one,
 * 10 ms of it take 17 to 20 % of a core, and 0 ms take 31 %.
 */
export function createLanePublisher({
  kafka,
  lane,
  settings,
  bounds,
  telemetry,
  faults,
  ready,
}: LanePublisherParts) {
  const { kafkaTopicPrefix, kafkaLingerMs, kafkaBufferEvents, kafkaBatchBytes, kafkaBatchMaxBytes } =
    settings;
  const topic = laneTopic(kafkaTopicPrefix, lane);
  const compression = compressionTypes[settings.kafkaCompression];
  const part = `producer of ${lane}`;
  const buffer = new LaneBuffer(bounds.bufferEvents, bounds.bufferBytes);
  const ending = new AbortController();
  const ended = aborted(ending.signal);
  /** In a row, without a send in between that went well. */
  let failures = 0;
  /** Halved where the topic takes less at once than is sent: it was configured by somebody else. */
  let sendEvents = bounds.sendEvents;
  /** The brokers answered, and took nothing: that they can be reached says nothing then. */
  let refused = false;
  let lost = 0;
  let closing = false;
  let producer: Producer | undefined;
  let linger: ReturnType<typeof setTimeout> | undefined;
  let sending: Promise<void> | undefined;
  /** The last call's, which the next one waits for: what comes later must not overtake what waits for room. */
  let filling: Promise<number> = Promise.resolve(0);
  let room = Promise.withResolvers<void>();

  const isDue = () =>
    closing ||
    buffer.waitingEvents >= kafkaBufferEvents ||
    buffer.waitingBytes >= kafkaBatchBytes ||
    performance.now() >= buffer.waitingSince + kafkaLingerMs;

  /** Sends what is due, now or when the linger is over. */
  function schedule(): void {
    if (sending !== undefined || buffer.waitingEvents === 0 || ending.signal.aborted) return;
    if (isDue()) {
      clearTimeout(linger);
      linger = undefined;
      sending = sendDue().finally(() => {
        sending = undefined;
        schedule();
      });
    } else {
      linger ??= setTimeout(() => {
        linger = undefined;
        schedule();
      }, kafkaLingerMs);
    }
  }

  async function sendDue(): Promise<void> {
    for (;;) {
      const connected = await connect();
      if (connected === undefined || buffer.waitingEvents === 0 || !isDue()) return;
      await send(connected);
      room.resolve();
      room = Promise.withResolvers();
    }
  }

  async function send(connected: Producer): Promise<void> {
    const messages = buffer.take(sendEvents, kafkaBatchMaxBytes);
    const startedMs = performance.now();
    const slow = setTimeout(
      () => faults.begin(part, new Error(`no answer for ${bounds.slowSendMs} ms`)),
      bounds.slowSendMs,
    );
    try {
      await connected.send({ topic, messages, compression, acks: -1 });
      failures = 0;
      refused = false;
      faults.end(part);
      telemetry.sent(lane, messages.length, performance.now() - startedMs);
    } catch (error) {
      // Whether the brokers have it is not known, so neither is the next sequence number: a new producer begins anew.
      failures += 1;
      refused = refusalOf(error) !== null;
      if (isTooLarge(error)) sendEvents = Math.max(1, Math.floor(messages.length / 2));
      lost += messages.length;
      telemetry.sendFailed(lane, messages.length);
      faults.begin(part, error);
      producer = undefined;
      void connected.disconnect().catch(() => {});
    } finally {
      clearTimeout(slow);
      buffer.done();
    }
  }

  /** A producer that is connected, however long that takes; undefined when there is no time left. */
  async function connect(): Promise<Producer | undefined> {
    while (producer === undefined) {
      if (failures > 0) await pause(backoffMs(failures, bounds), ending.signal);
      await Promise.race([ready, ended]);
      if (ending.signal.aborted) return undefined;
      const fresh = kafka.producer({
        idempotent: true,
        maxInFlightRequests: 5,
        allowAutoTopicCreation: false,
        createPartitioner,
        retry: { retries: bounds.retries },
      });
      try {
        await fresh.connect();
        if (!refused) faults.end(part);
        producer = fresh;
      } catch (error) {
        failures += 1;
        faults.begin(part, error);
        void fresh.disconnect().catch(() => {});
      }
    }
    return producer;
  }

  /** Takes what there is room for, and waits for more room until `deadlineMs`; gives how many it took. */
  async function fill(events: NotificationEvent[], deadlineMs: number): Promise<number> {
    for (let taken = 0; ; ) {
      taken += add(events, taken);
      const leftMs = deadlineMs - performance.now();
      if (taken === events.length || leftMs <= 0 || closing || faults.first() !== null) return taken;
      await settledWithin(leftMs, room.promise);
    }
  }

  function add(events: NotificationEvent[], from: number): number {
    const now = performance.now();
    let at = from;
    for (let event = events[at]; event !== undefined && buffer.add(event, now); event = events[at]) at += 1;
    schedule();
    return at - from;
  }

  return {
    /** Takes events, in the order of the calls; waits a moment while there is no room, and gives how many it took. */
    publish(events: NotificationEvent[]): Promise<number> {
      const deadlineMs = performance.now() + bounds.roomWaitMs;
      filling = filling.then(() => fill(events, deadlineMs));
      return filling;
    },

    buffered: () => ({ events: buffer.events, bytes: buffer.bytes }),

    /** Events of sends that failed. */
    lost: () => lost,

    /** Sends what is buffered, until `signal` aborts, and disconnects. */
    async close(signal: AbortSignal): Promise<void> {
      closing = true;
      signal.addEventListener("abort", () => ending.abort());
      if (signal.aborted) ending.abort();
      schedule();
      await Promise.race([sending, ended]);
      ending.abort();
      await producer?.disconnect().catch(() => {});
    },
  };
}
