import { expect, test } from "bun:test";
import { createMemoryEventLog } from "../../src/adapters/event-log-memory.ts";
import { eventLogContract } from "./event-log.contract.ts";

eventLogContract("memory", () => createMemoryEventLog({ redeliverMs: 1 }));

test("the memory event log holds no more than its capacity, and no event twice", async () => {
  const log = createMemoryEventLog({ laneCapacity: 2 });
  const events = Array.from({ length: 3 }, () => ({
    id: Bun.randomUUIDv7(),
    projectId: Bun.randomUUIDv7(),
    test: false,
    userId: "ana",
    priority: "low" as const,
    channels: null,
    scheduled: false,
    expiresAt: null,
    profileAt: null,
  }));
  expect(await log.publishBuffered(events)).toBe(2);
  expect(await log.publishBuffered(events)).toBe(0);
  expect(log.backlog().low).toBe(2);
  await log.close();
});
