import { type Aggregator, Counter, Gauge, Histogram, type Registry } from "prom-client";
import { type Priority, priorities } from "./channels/channel.ts";
import type { Fields, Level } from "./telemetry-logging.ts";

/**
 * What happened between this process and Kafka → its log lines and `carillon_kafka_*`. Labels are lanes and
 * a few fixed words. An outage is logged when it begins and when it ends, however many attempts it takes.
 */
export type KafkaTelemetry = ReturnType<typeof createKafkaTelemetry>;

/** What is asked for when metrics are read. */
export interface KafkaGauges {
  /** Events and bytes that wait to be sent or are being sent. */
  buffered(lane: Priority): { events: number; bytes: number };
  /** Events published and not yet handled, as far as this process knows. */
  backlog(): Record<Priority, number>;
  /** Partitions that are assigned to this process. */
  partitions(lane: Priority): number;
  fault(): string | null;
}

/** Why a message cannot be read, or its event not be stored. Few and fixed: each is a label. */
export const poisonReasons = ["no value", "not JSON", "unknown version", "wrong fields", "refused"] as const;
export type PoisonReason = (typeof poisonReasons)[number];

const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const eventsBuckets = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000];

export function createKafkaTelemetry({
  registry,
  log,
}: {
  registry: Registry;
  log: (at: Level, message: string, fields?: Fields) => void;
}) {
  const registers = [registry];
  const counter = (name: string, help: string, ...labelNames: string[]) =>
    new Counter({ name: `carillon_kafka_${name}_total`, help, labelNames, registers });
  /** There from the start, since a counter that appears with its first event hides that one from rate(). */
  const laneCounter = (name: string, help: string) => {
    const made = counter(name, help, "lane");
    for (const lane of priorities) made.inc({ lane }, 0);
    return made;
  };
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name: `carillon_kafka_${name}`, help, labelNames: ["lane"], buckets, registers });

  const published = laneCounter("events_published", "Events that the brokers took");
  const consumed = laneCounter("events_consumed", "Events whose handling ended well");
  const refused = laneCounter("events_refused", "Events for which the buffer had no room, left to the sweep");
  const dropped = laneCounter("events_dropped", "Events of sends that failed, left to the sweep");
  const sendsFailed = laneCounter("sends_failed", "Sends that failed after their retries");
  const handlingsFailed = laneCounter("handlings_failed", "Batches that are handed out again");
  const rebalances = laneCounter("rebalances", "Times that partitions were dealt to this process");
  const crashes = laneCounter("consumer_crashes", "Times that a consumer ended by itself or stood still");
  const restarts = laneCounter("consumer_restarts", "Times that a consumer was started after that");
  const deadLetters = counter(
    "dead_letters",
    "Messages that could not be read or stored, put aside",
    "lane",
    "reason",
  );
  for (const lane of priorities) for (const reason of poisonReasons) deadLetters.inc({ lane, reason }, 0);
  const sendSeconds = histogram("send_seconds", "Time until the brokers took a send", secondsBuckets);
  const sendEvents = histogram("send_events", "Events of one send", eventsBuckets);
  const batchEvents = histogram("batch_events", "Events handed over at once", eventsBuckets);

  /** @param aggregator what several threads' values come to */
  const gauge = (
    name: string,
    help: string,
    labelNames: string[],
    collect: (set: Gauge) => void,
    aggregator: Aggregator = "sum",
  ) =>
    new Gauge({
      name: `carillon_kafka_${name}`,
      help,
      labelNames,
      aggregator,
      registers,
      collect() {
        collect(this);
      },
    });

  return {
    watch({ buffered, backlog, partitions, fault }: KafkaGauges): void {
      gauge("buffer_events", "Events that wait to be sent or are being sent", ["lane"], (set) => {
        for (const lane of priorities) set.set({ lane }, buffered(lane).events);
      });
      gauge("buffer_bytes", "Bytes that wait to be sent or are being sent", ["lane"], (set) => {
        for (const lane of priorities) set.set({ lane }, buffered(lane).bytes);
      });
      // A thread that does not consume asks the brokers for the lag of all; one that does knows its part of it.
      gauge(
        "lag",
        "Events published and not yet handled, as far as this process knows",
        ["lane"],
        (set) => {
          for (const [lane, events] of Object.entries(backlog())) set.set({ lane }, events);
        },
        "max",
      );
      gauge("partitions_assigned", "Partitions that this process consumes", ["lane"], (set) => {
        for (const lane of priorities) set.set({ lane }, partitions(lane));
      });
      gauge(
        "reachable",
        "1 while the last attempt of every thread to speak to the brokers succeeded",
        [],
        (set) => set.set(fault() === null ? 1 : 0),
        "min",
      );
    },

    /** What kafkajs says; it calls every retry an error, ours below say it once. */
    clientSaid(message: string, fields: Fields): void {
      log("debug", `kafkajs: ${message}`, fields);
    },

    topicsCreated(topics: string[], partitions: number, replication: number): void {
      log("info", "created topics", { topics: topics.join(", "), partitions, replication });
    },

    replicationReduced(wanted: number, brokers: number): void {
      log("warn", "fewer brokers than copies wanted: what Kafka holds is lost with a broker's disk", {
        wanted,
        brokers,
      });
    },

    topicDiffers(topic: string, what: "partitions" | "replication", has: number, wanted: number): void {
      log("warn", `a topic has another number of ${what} than set, and is used as it is`, {
        topic,
        has,
        wanted,
      });
    },

    faultBegan(reason: string): void {
      log("warn", "Kafka cannot be used; accepted work waits in the database", { reason });
    },

    faultEnded(): void {
      log("info", "Kafka can be used again");
    },

    sent(lane: Priority, events: number, ms: number): void {
      published.inc({ lane }, events);
      sendEvents.observe({ lane }, events);
      sendSeconds.observe({ lane }, ms / 1000);
    },

    sendFailed(lane: Priority, events: number): void {
      sendsFailed.inc({ lane });
      dropped.inc({ lane }, events);
    },

    refused(lane: Priority, events: number): void {
      refused.inc({ lane }, events);
    },

    batchHandled(lane: Priority, events: number): void {
      consumed.inc({ lane }, events);
      batchEvents.observe({ lane }, events);
    },

    handlingFailed(lane: Priority, error: unknown, attempt: number): void {
      handlingsFailed.inc({ lane });
      const at = attempt === 1 ? "warn" : "debug";
      log(at, "a batch could not be handled and is handed out again", {
        lane,
        attempt,
        error: String(error),
      });
    },

    deadLettered(lane: Priority, reason: PoisonReason, fields: Fields): void {
      deadLetters.inc({ lane, reason });
      log("warn", "put a message aside that could not be read or stored", { lane, reason, ...fields });
    },

    rebalanced(lane: Priority, partitions: number): void {
      rebalances.inc({ lane });
      log("debug", "partitions were dealt", { lane, partitions });
    },

    /** @param inARow how often that happened without a steady run in between, this time included */
    consumerCrashed(lane: Priority, error: unknown, inARow: number, restartMs: number): void {
      crashes.inc({ lane });
      const fields = { lane, restartMs, error: String(error) };
      log(inARow === 1 ? "warn" : "debug", "a consumer ended and will be started again", fields);
    },

    consumerRestarted(lane: Priority): void {
      restarts.inc({ lane });
      log("info", "started a consumer again", { lane });
    },

    unseated(group: string, members: number): void {
      log("info", "took consumers out that had ended without leaving their group", { group, members });
    },

    unseatFailed(group: string, error: unknown): void {
      const fields = { group, error: String(error) };
      log(
        "warn",
        "could not look for consumers that ended without leaving: their sessions are awaited",
        fields,
      );
    },

    closedLate(what: string, afterMs: number): void {
      log("warn", "did not end in time and was left behind", { what, afterMs });
    },
  };
}
