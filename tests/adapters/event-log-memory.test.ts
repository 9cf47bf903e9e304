import { expect, test } from "bun:test";
import { createMemoryEventLog } from "../../src/adapters/event-log-memory.ts";
import type { NotificationEvent } from "../../src/ports.ts";
import { eventually } from "../eventually.ts";
import { eventLogContract, eventOf } from "./event-log.contract.ts";

eventLogContract("memory", async () => {
  const log = createMemoryEventLog({ redeliverMs: 1 });
  return { log, [Symbol.asyncDispose]: () => log.close() };
});

test("the memory event log holds no more than its capacity, and no event twice", async () => {
  const log = createMemoryEventLog({ laneCapacity: 2 });
  const events = Array.from({ length: 3 }, () => eventOf("low"));
  expect(await log.publishBuffered(events)).toBe(2);
  expect(await log.publishBuffered(events)).toBe(2); // What it holds already is not held twice.
  expect(log.backlog().low).toBe(2);
  await log.close();
});

test("the memory event log hands out a lane in the order of publishing, one batch at a time", async () => {
  const log = createMemoryEventLog();
  const events = Array.from({ length: 2500 }, (_, index) => eventOf("normal", `user ${index % 7}`));
  const handled: NotificationEvent[] = [];
  let underWay = 0;
  await log.consume(async (batch) => {
    underWay += 1;
    expect(underWay).toBe(1);
    await Promise.resolve();
    handled.push(...batch);
    underWay -= 1;
  });
  await log.publishBuffered(events);
  await eventually(() => handled.length >= events.length);
  expect(handled).toEqual(events);
  await log.close();
});

test("the memory event log counts what is under way as backlog until it is handled", async () => {
  const log = createMemoryEventLog();
  const going = Promise.withResolvers<void>();
  await log.consume(() => going.promise);
  await log.publishBuffered([eventOf("high")]);
  expect(log.backlog()).toEqual({ critical: 0, high: 1, normal: 0, low: 0 });
  const closed = log.close();
  going.resolve();
  await closed;
  expect(log.backlog().high).toBe(0);
});
