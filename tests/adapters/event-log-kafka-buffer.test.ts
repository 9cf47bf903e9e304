/** What is published waits in a buffer for others that go out with it, and for room where there is none. */
import { expect, setDefaultTimeout, test } from "bun:test";
import type { NotificationEvent } from "../../src/ports.ts";
import { eventually } from "../eventually.ts";
import { eventOf, many, orderByUser } from "./event-log.contract.ts";
import { kafkaWorld } from "./kafka-world.ts";

setDefaultTimeout(30_000); // A group takes a few seconds to form where others keep the machine busy.

test("what comes at once goes out in few sends", async () => {
  await using world = kafkaWorld();
  const { log, metric } = world.open();
  await log.publishBuffered(many(1000));
  await eventually(async () => (await metric("events_published_total")) === 1000);
  expect(await metric("send_events_count")).toBe(1);
});

test("a single event does not wait for others longer than the linger", async () => {
  await using world = kafkaWorld();
  const { log, metric } = world.open({ KAFKA_LINGER_MS: "0" });
  await log.publishBuffered([eventOf()]);
  await log.publishBuffered([eventOf()]);
  await eventually(async () => (await metric("events_published_total")) === 2);
});

test("a full buffer takes what it has room for, and says how much that was", async () => {
  await using world = kafkaWorld("127.0.0.1:1");
  const { log, metric } = world.open({}, { bufferEvents: 10 });
  expect(await log.publishBuffered(many(8))).toBe(8);
  expect(await log.publishBuffered(many(8))).toBe(2);
  expect(await metric("events_refused_total")).toBe(6);
  expect(log.backlog().normal).toBe(10);
  await eventually(() => log.fault());
});

test("while the buffer is full, publishing waits for room, and the order stays", async () => {
  await using world = kafkaWorld();
  const { log } = world.open({}, { bufferEvents: 500, roomWaitMs: 10_000 });
  const events = many(20_000);
  const calls: Promise<number>[] = [];
  for (let at = 0; at < events.length; at += 100) {
    calls.push(log.publishBuffered(events.slice(at, at + 100)));
    await new Promise(setImmediate);
  }
  expect(await Promise.all(calls)).toEqual(calls.map(() => 100));
  const handled: NotificationEvent[] = [];
  await log.consume(async (batch) => void handled.push(...batch));
  await eventually(() => handled.length >= events.length);
  expect(orderByUser(handled)).toEqual(orderByUser(events));
});
