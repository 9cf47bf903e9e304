import { type Admin, KafkaJSProtocolError } from "kafkajs";
import { type Priority, priorities } from "../channels/channel.ts";
import type { EventLog, NotificationEvent } from "../ports.ts";
import type { KafkaTelemetry } from "../telemetry-kafka.ts";
import type { Handle } from "./kafka-batch.ts";
import { type KafkaBounds, kafkaBounds } from "./kafka-bounds.ts";
import { createKafkaClient, type KafkaSettings } from "./kafka-client.ts";
import { createLaneConsumer, type LaneConsumer } from "./kafka-consumer.ts";
import { createDeadLetters } from "./kafka-dead-letters.ts";
import { createFaults } from "./kafka-faults.ts";
import { fetchLag, PartitionLags } from "./kafka-lag.ts";
import { createLanePublisher } from "./kafka-producer.ts";
import { ensureTopics } from "./kafka-topics.ts";
import { createTurns } from "./kafka-turns.ts";
import { aborted, backoffMs, pause, settledWithin } from "./kafka-waits.ts";

const perLane = <T>(make: (lane: Priority) => T): Record<Priority, T> =>
  Object.fromEntries(priorities.map((lane) => [lane, make(lane)])) as Record<Priority, T>;

/**
 * The event log on Kafka 3.0 or newer: a topic, an idempotent producer, a consumer and a group for each lane. It
 * returns at once; until the brokers answer it goes on trying, and `fault` says why.
 *
 * Each thread that consumes makes its own. One that only publishes asks the brokers for the lag instead.
 *
 * @param seat of the thread that consumes (`seatOf`); null for one that does not
 */
export function createKafkaEventLog(
  settings: KafkaSettings,
  telemetry: KafkaTelemetry,
  seat: string | null,
  bounds: KafkaBounds = kafkaBounds,
): EventLog {
  const kafka = createKafkaClient(settings, bounds, telemetry, seat ?? undefined);
  const faults = createFaults(telemetry);
  const closing = new AbortController();
  const closed = aborted(closing.signal);
  const ready = Promise.withResolvers<void>();
  const publishers = perLane((lane) =>
    createLanePublisher({ kafka, lane, settings, bounds, telemetry, faults, ready: ready.promise }),
  );
  const lags = perLane(() => new PartitionLags());
  const turns = createTurns(bounds);
  const deadLetters = createDeadLetters(kafka, settings);
  let consumers: LaneConsumer[] | undefined;
  let polled = perLane(() => 0);
  let closure: Promise<void> | undefined;

  /** Sees to the topics, then to the lag for as long as nothing is consumed here. */
  async function oversee(): Promise<void> {
    for (let attempt = 1; !closing.signal.aborted; attempt += 1) {
      const admin = kafka.admin();
      try {
        await admin.connect();
        await ensureTopics(admin, settings, telemetry);
        ready.resolve();
        await pollLag(admin, () => {
          faults.end("cluster");
          attempt = 0;
        });
        return;
      } catch (error) {
        faults.begin("cluster", error);
      } finally {
        void admin.disconnect().catch(() => {});
      }
      await pause(backoffMs(attempt, bounds), closing.signal);
    }
  }

  async function makeTopics(): Promise<void> {
    const admin = kafka.admin();
    try {
      await admin.connect();
      await ensureTopics(admin, settings, telemetry);
    } catch {
      // Whoever misses one ends again, says so, and asks again.
    } finally {
      void admin.disconnect().catch(() => {});
    }
  }

  async function pollLag(admin: Admin, worked: () => void): Promise<void> {
    if (consumers !== undefined) worked(); // Who consumes hears its lag from its consumers.
    while (!closing.signal.aborted && consumers === undefined) {
      try {
        polled = await fetchLag(admin, settings.kafkaTopicPrefix);
      } catch (error) {
        // A broker that answers is no fault: it may not know yet that it leads a partition that was just made.
        if (!(error instanceof KafkaJSProtocolError)) throw error;
      }
      worked();
      await pause(bounds.lagPollMs, closing.signal);
    }
  }

  async function publishBuffered(events: NotificationEvent[]): Promise<number> {
    if (closing.signal.aborted) return 0;
    const taken = await Promise.all(
      priorities.map(async (lane) => {
        const ofLane = events.filter(({ priority }) => priority === lane);
        if (ofLane.length === 0) return 0;
        const count = await publishers[lane].publish(ofLane);
        if (count < ofLane.length) telemetry.refused(lane, ofLane.length - count);
        return count;
      }),
    );
    return taken.reduce((sum, count) => sum + count, 0);
  }

  async function consume(handle: Handle): Promise<void> {
    if (closing.signal.aborted || consumers !== undefined) return;
    const common = {
      kafka,
      seat,
      settings,
      handle,
      bounds,
      telemetry,
      faults,
      turns,
      deadLetters,
      ready: ready.promise,
      makeTopics,
    };
    consumers = priorities.map((lane) => createLaneConsumer({ ...common, lane, lags: lags[lane] }));
  }

  function backlog(): Record<Priority, number> {
    return perLane((lane) => {
      const published = consumers === undefined ? polled[lane] : lags[lane].events();
      return publishers[lane].buffered().events + published;
    });
  }

  async function close(): Promise<void> {
    closing.abort();
    const late = AbortSignal.timeout(faults.first() === null ? bounds.flushMs : bounds.flushFaultyMs);
    const parts = [
      ...(consumers ?? []).map((consumer) => consumer.close()),
      ...Object.values(publishers).map((publisher) => publisher.close(late)),
      overseeing,
    ];
    const all = Promise.allSettled(parts).then(() => deadLetters.close());
    if (!(await settledWithin(bounds.closeMs, all))) telemetry.closedLate("the event log", bounds.closeMs);
  }

  const overseeing = Promise.race([oversee(), closed]);
  telemetry.watch({
    buffered: (lane) => publishers[lane].buffered(),
    backlog,
    partitions: (lane) => lags[lane].partitions,
    fault: faults.first,
  });

  return {
    publishBuffered,
    consume,
    backlog,
    lost: () => Object.values(publishers).reduce((sum, { lost }) => sum + lost(), 0),
    fault: faults.first,
    close() {
      closure ??= close();
      return closure;
    },
  };
}
