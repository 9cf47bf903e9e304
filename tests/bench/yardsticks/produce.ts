/**
 * Events into Kafka: by the event log as the service publishes them (`how` is "service"), and by kafkajs alone with as many
 * messages a send as are good for it ("raw"). The same events, topic settings and codec.
 */
import { type CompressionTypes, Kafka, logLevel } from "kafkajs";
import { newId } from "../../../db/id.ts";
import { createKafkaEventLog } from "../../../src/adapters/event-log-kafka.ts";
import { compressionTypes, registerCodecs } from "../../../src/adapters/kafka-codecs.ts";
import { encodeEvent, keyOf } from "../../../src/adapters/kafka-events.ts";
import { laneTopic } from "../../../src/adapters/kafka-topics.ts";
import { loadConfig } from "../../../src/config.ts";
import type { NotificationEvent } from "../../../src/ports.ts";
import { createTelemetry } from "../../../src/telemetry.ts";
import { createKafkaTelemetry } from "../../../src/telemetry-kafka.ts";
import { userOf } from "../bodies.ts";

export interface ProduceOptions {
  how: "service" | "raw";
  brokers: string;
  prefix: string;
  events: number;
}

export interface ProduceResult {
  eventsPerSecond: number;
}

/** What one flush of accept publishes at most. */
const eventsACall = 1000;
const rawMessagesASend = 500;
const rawSendsInFlight = 5;

const { how, brokers, prefix, events }: ProduceOptions = JSON.parse(process.argv[2] ?? "{}");
const config = loadConfig({ KAFKA_BROKERS: brokers, KAFKA_TOPIC_PREFIX: prefix });
const settings = { ...config, kafkaBrokers: brokers.split(",") };
const projectId = newId(Date.now());

const eventOf = (index: number): NotificationEvent => ({
  id: newId(Date.now()),
  projectId,
  test: false,
  userId: userOf(index),
  priority: "normal",
  channels: ["inbox"],
  scheduled: false,
  expiresAt: null,
  profileAt: null,
  trace: null,
});

const batchOf = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => eventOf(from + index));

async function byService(): Promise<number> {
  const telemetry = createKafkaTelemetry(createTelemetry({ level: "error" }));
  let taken = 0;
  let goal = Number.POSITIVE_INFINITY;
  let onGoal = () => {};
  const counting = {
    ...telemetry,
    sent(...given: Parameters<typeof telemetry.sent>) {
      taken += given[1];
      telemetry.sent(...given);
      if (taken >= goal) onGoal();
    },
  };
  const log = createKafkaEventLog(settings, counting, null);
  const publish = async (count: number) => {
    const { promise: all, resolve } = Promise.withResolvers<void>();
    onGoal = resolve;
    goal = taken + count;
    for (let from = 0; from < count; ) {
      from += await log.publishBuffered(batchOf(from, Math.min(eventsACall, count - from)));
    }
    await all;
  };
  await publish(eventsACall * 5);
  const startedMs = performance.now();
  await publish(events);
  const seconds = (performance.now() - startedMs) / 1000;
  await log.close();
  return events / seconds;
}

async function byKafkaJs(): Promise<number> {
  registerCodecs();
  const kafka = new Kafka({ brokers: settings.kafkaBrokers, logLevel: logLevel.NOTHING });
  const topic = laneTopic(prefix, "normal");
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: rawSendsInFlight });
  await producer.connect();
  const compression: CompressionTypes = compressionTypes[config.kafkaCompression];
  const send = async (count: number) => {
    let next = 0;
    const sender = async () => {
      while (next < count) {
        const from = next;
        next += rawMessagesASend;
        const messages = batchOf(from, rawMessagesASend).map((event) => ({
          key: keyOf(event),
          value: encodeEvent(event),
        }));
        await producer.send({ topic, messages, compression, acks: -1 });
      }
    };
    await Promise.all(Array.from({ length: rawSendsInFlight }, sender));
  };
  await send(rawMessagesASend * 10);
  const startedMs = performance.now();
  await send(events);
  const seconds = (performance.now() - startedMs) / 1000;
  await producer.disconnect();
  return events / seconds;
}

const eventsPerSecond = how === "service" ? await byService() : await byKafkaJs();
console.log(JSON.stringify({ eventsPerSecond } satisfies ProduceResult));
process.exit(0);
