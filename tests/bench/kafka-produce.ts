/**
 * What the event log on Kafka costs above kafkajs itself, in one run: `bun tests/bench/kafka-produce.ts`, with
 * TEST_KAFKA_BROKERS. Rates are medians of three.
 */
import { CompressionTypes, Kafka, logLevel } from "kafkajs";
import { encodeEvent, keyOf } from "../../src/adapters/kafka-events.ts";
import type { Priority } from "../../src/channels/channel.ts";
import type { NotificationEvent } from "../../src/ports.ts";
import { type KafkaWorld, kafkaWorld } from "../adapters/kafka-world.ts";
import { eventually } from "../eventually.ts";

const eventCount = 60_000;
const rawSendEvents = 500;
const rawInFlight = 5;
const callEvents = 1000;
const rounds = 3;
const patient = { timeoutMs: 120_000, intervalMs: 2 };

const projectId = Bun.randomUUIDv7();
const eventsOf = (count: number, priority: Priority): NotificationEvent[] =>
  Array.from({ length: count }, (_, index) => ({
    id: Bun.randomUUIDv7(),
    projectId,
    test: false,
    userId: `user-${(index * 7919) % 10_007}`,
    priority,
    channels: null,
    scheduled: false,
    expiresAt: null,
    profileAt: null,
    trace: null,
  }));

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const percentile = (values: number[], of: number) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor((values.length * of) / 100))] ?? 0;
const perSecond = (count: number, ms: number) => Math.round((count * 1000) / ms);

/** kafkajs alone: bodies ready, 500 a send, five sends under way, no idempotence. */
async function rawRate(world: KafkaWorld, events: NotificationEvent[]): Promise<number> {
  const kafka = new Kafka({ brokers: world.brokers.split(","), logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const messages = events.map((event) => ({ key: keyOf(event), value: encodeEvent(event) }));
  const startedMs = performance.now();
  let at = 0;
  const sender = async () => {
    while (at < messages.length) {
      const batch = messages.slice(at, at + rawSendEvents);
      at += rawSendEvents;
      const topic = `${world.prefix}.high`;
      await producer.send({ topic, messages: batch, acks: -1, compression: CompressionTypes.ZSTD });
    }
  };
  await Promise.all(Array.from({ length: rawInFlight }, sender));
  const ms = performance.now() - startedMs;
  await producer.disconnect();
  return perSecond(messages.length, ms);
}

/** The same events through `publishBuffered`, a thousand a call as a bulk request has them. */
async function ourRate(
  { log, metric }: ReturnType<KafkaWorld["open"]>,
  events: NotificationEvent[],
): Promise<number> {
  const before = await metric("events_published_total");
  const startedMs = performance.now();
  for (let at = 0; at < events.length; ) {
    at += await log.publishBuffered(events.slice(at, at + callEvents));
  }
  await eventually(async () => (await metric("events_published_total")) - before >= events.length, patient);
  return perSecond(events.length, performance.now() - startedMs);
}

/** Of critical events, one after the other, from `publishBuffered` to `handle`. */
async function latencies(log: ReturnType<KafkaWorld["open"]>["log"], seen: Set<string>, count: number) {
  const times: number[] = [];
  for (const event of eventsOf(count, "critical")) {
    const startedMs = performance.now();
    await log.publishBuffered([event]);
    await eventually(() => seen.has(event.id), { timeoutMs: 30_000, intervalMs: 1 });
    times.push(performance.now() - startedMs);
    await Bun.sleep(5);
  }
  return times;
}

await using world = kafkaWorld();
const producing = world.open({}, { bufferEvents: 20_000 });
await producing.log.publishBuffered(eventsOf(1, "normal"));
await eventually(async () => (await producing.metric("events_published_total")) === 1);

const raw: number[] = [];
const ours: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  const events = eventsOf(eventCount, "normal");
  raw.push(await rawRate(world, events));
  ours.push(await ourRate(producing, events));
}
console.log(`raw kafkajs, ${rawSendEvents} a send:  ${median(raw)} events/s`);
console.log(`publishBuffered:           ${median(ours)} events/s`);
console.log(`ratio:                     ${(median(ours) / median(raw)).toFixed(2)}`);
const sends = await producing.metric("send_events_count");
console.log(`events a send:             ${Math.round((await producing.metric("send_events_sum")) / sends)}`);

const consuming = world.open();
let consumed = 0;
let firstMs = 0;
const expected = eventCount * rounds * 2;
await consuming.log.consume(async (batch) => {
  firstMs ||= performance.now();
  consumed += batch.length;
});
await eventually(() => consumed >= expected, patient);
console.log(`consumption:               ${perSecond(consumed, performance.now() - firstMs)} events/s`);
await consuming.log.close();

/** As a handler does that waits for a database, and uses the thread as much as planning does. */
const seen = new Set<string>();
const fair = world.open();
let low = 0;
await fair.log.consume(async (batch, lane) => {
  const untilMs = performance.now() + batch.length * 0.02;
  await Bun.sleep(3);
  while (performance.now() < untilMs);
  if (lane === "low") low += batch.length;
  else for (const { id } of batch) seen.add(id);
});
await latencies(fair.log, seen, 20);
const alone = await latencies(fair.log, seen, 150);
const queued = eventsOf(100_000, "low");
for (let at = 0; at < queued.length; )
  at += await producing.log.publishBuffered(queued.slice(at, at + callEvents));
const beside = await latencies(fair.log, seen, 150);
console.log(
  `critical alone:            p50 ${percentile(alone, 50).toFixed(1)} ms, p95 ${percentile(alone, 95).toFixed(1)} ms`,
);
console.log(
  `beside 100,000 low ones:   p50 ${percentile(beside, 50).toFixed(1)} ms, p95 ${percentile(beside, 95).toFixed(1)} ms (${low} of them handled meanwhile)`,
);
