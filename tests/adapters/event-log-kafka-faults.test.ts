/** What the event log does while its broker is away, on a broker of its own. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { NotificationEvent } from "../../src/ports.ts";
import { eventually } from "../eventually.ts";
import { type OwnServer, startKafka } from "../services/own-server.ts";
import { eventOf, idsOf, orderByUser } from "./event-log.contract.ts";
import { kafkaWorld } from "./kafka-world.ts";

const timeoutMs = 120_000;
const patient = { timeoutMs: 60_000 };
const login = { username: "ana", password: "secret" };
let broker: OwnServer;

beforeAll(async () => {
  broker = await startKafka({ "offsets.topic.num.partitions": 4 }, login);
}, timeoutMs);
afterAll(() => broker[Symbol.asyncDispose]());

const some = (count: number) =>
  Array.from({ length: count }, (_, index) => eventOf("normal", `user-${index % 7}`));

test(
  "a broker that comes late, dies and comes back costs nothing but time",
  async () => {
    await broker.stop();
    await using world = kafkaWorld(broker.url);
    const { log, lines, metric } = world.open();
    const handled: NotificationEvent[] = [];
    await log.consume(async (batch) => void handled.push(...batch));
    const early = some(20);
    expect(await log.publishBuffered(early)).toBe(early.length);
    await eventually(() => log.fault()?.includes("ECONNREFUSED"));

    await broker.restart();
    await eventually(() => handled.length >= early.length, patient);
    expect(idsOf(handled).sort()).toEqual(idsOf(early).sort());
    await eventually(() => log.fault() === null);

    await broker.kill();
    await eventually(() => log.fault() !== null, patient);
    await eventually(async () => (await metric("consumer_crashes_total")) > 0, patient);
    const meanwhile = some(20);
    expect(await log.publishBuffered(meanwhile)).toBe(meanwhile.length);
    await eventually(async () => (await metric("events_dropped_total")) === meanwhile.length, patient);
    expect(log.lost()).toBe(meanwhile.length);

    const held = some(20);
    expect(await log.publishBuffered(held)).toBe(held.length);
    await broker.restart();
    await eventually(() => held.every(({ id }) => handled.some((event) => event.id === id)), patient);
    await eventually(() => log.fault() === null, patient);
    expect(await metric("consumer_restarts_total")).toBeGreaterThan(0);
    const warnings = lines.filter(({ level }) => level === "warn");
    expect(warnings.length).toBeLessThan(20); // A line an outage and a lane, not one an attempt.

    const late = some(200);
    await log.publishBuffered(late);
    await eventually(() => late.every(({ id }) => handled.some((event) => event.id === id)), patient);
    const published = new Set(idsOf(late));
    expect(orderByUser(handled.filter(({ id }) => published.has(id)))).toEqual(orderByUser(late));
  },
  timeoutMs,
);

test.each(["plain", "scram-sha-256", "scram-sha-512"])(
  "logs in by %s, and says so where it may not",
  async (mechanism) => {
    await using world = kafkaWorld(`127.0.0.1:${broker.ports[2]}`);
    const env = { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: login.username };
    const stranger = world.open({ ...env, KAFKA_SASL_PASSWORD: "guess" });
    const { log } = world.open({ ...env, KAFKA_SASL_PASSWORD: login.password });
    const handled: NotificationEvent[] = [];
    await log.consume(async (batch) => void handled.push(...batch));
    await log.publishBuffered(some(5));
    await eventually(() => handled.length === 5, patient);
    await eventually(() => /authentication/i.test(stranger.log.fault() ?? ""), patient);
  },
  timeoutMs,
);

test(
  "closes in time though the broker is gone",
  async () => {
    await using world = kafkaWorld(broker.url);
    const { log } = world.open();
    const handled: NotificationEvent[] = [];
    await log.consume(async (batch) => void handled.push(...batch));
    await log.publishBuffered(some(5));
    await eventually(() => handled.length === 5, patient);
    await broker.kill();
    await log.publishBuffered(some(5));
    const startedMs = performance.now();
    await log.close();
    expect(performance.now() - startedMs).toBeLessThan(6500);
  },
  timeoutMs,
);
