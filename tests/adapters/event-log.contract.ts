import { describe, expect, test } from "bun:test";
import type { Priority } from "../../src/channels/channel.ts";
import type { EventLog, NotificationEvent } from "../../src/ports.ts";
import { eventually } from "../eventually.ts";

const projectId = Bun.randomUUIDv7();

const event = (priority: Priority = "normal"): NotificationEvent => ({
  id: Bun.randomUUIDv7(),
  projectId,
  test: false,
  userId: "ana",
  priority,
  channels: null,
  scheduled: false,
  expiresAt: null,
  profileAt: null,
});

const idsOf = (events: NotificationEvent[]) => events.map(({ id }) => id);

/** What src/ports.ts promises of an EventLog, held against one implementation. */
export function eventLogContract(name: string, create: () => EventLog): void {
  describe(`the ${name} event log`, () => {
    test("hands over a lane's events in the order they were published, one batch at a time", async () => {
      const log = create();
      const events = Array.from({ length: 2500 }, () => event());
      const handled: string[] = [];
      let underWay = 0;
      log.consume(async (batch) => {
        underWay += 1;
        expect(underWay).toBe(1);
        await Promise.resolve();
        handled.push(...idsOf(batch));
        underWay -= 1;
      });
      expect(await log.publishBuffered(events)).toBe(events.length);
      await eventually(() => handled.length >= events.length);
      expect(handled).toEqual(idsOf(events));
      await log.close();
    });

    test("lets no lane wait behind another", async () => {
      const log = create();
      const stuck = Promise.withResolvers<void>();
      const handled: Priority[] = [];
      log.consume(async (_, lane) => {
        if (lane === "low") await stuck.promise;
        handled.push(lane);
      });
      await log.publishBuffered([event("low")]);
      await log.publishBuffered([event("critical")]);
      await eventually(() => handled.includes("critical"));
      expect(handled).toEqual(["critical"]);
      stuck.resolve();
      await log.close();
      expect(handled).toEqual(["critical", "low"]);
    });

    test("hands out a batch again whose handling threw", async () => {
      const log = create();
      const events = [event(), event()];
      const batches: string[][] = [];
      log.consume(async (batch) => {
        batches.push(idsOf(batch));
        if (batches.length === 1) throw new Error("the database is away");
      });
      await log.publishBuffered(events);
      await eventually(() => batches.length === 2);
      expect(batches[1]).toEqual(idsOf(events));
      await log.close();
    });

    test("finishes the batch under way before it is closed, and says what it still holds", async () => {
      const log = create();
      const going = Promise.withResolvers<void>();
      let finished = false;
      log.consume(async () => {
        await going.promise;
        finished = true;
      });
      await log.publishBuffered([event("high")]);
      expect(log.backlog()).toEqual({ critical: 0, high: 1, normal: 0, low: 0 });
      const closed = log.close();
      going.resolve();
      await closed;
      expect(finished).toBe(true);
      expect(log.backlog().high).toBe(0);
    });
  });
}
