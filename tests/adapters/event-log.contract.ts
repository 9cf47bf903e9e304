import { describe, expect, test } from "bun:test";
import type { Priority } from "../../src/channels/channel.ts";
import { type EventLog, EventsRefused, type NotificationEvent } from "../../src/ports.ts";
import { eventually } from "../eventually.ts";

const projectId = Bun.randomUUIDv7();

export const eventOf = (priority: Priority = "normal", userId = "ana"): NotificationEvent => ({
  id: Bun.randomUUIDv7(),
  projectId,
  test: false,
  userId,
  priority,
  channels: null,
  scheduled: false,
  expiresAt: null,
  profileAt: null,
  trace: null,
});

/** Normal ones, of so many users in turn. */
export const many = (count: number, users = 20) =>
  Array.from({ length: count }, (_, index) => eventOf("normal", `user-${index % users}`));

export const idsOf = (events: NotificationEvent[]) => events.map(({ id }) => id);

/** Ids by user, each once, in the order in which they came first. */
export function orderByUser(events: NotificationEvent[]): Record<string, string[]> {
  const users: Record<string, Set<string>> = {};
  for (const { userId, id } of events) {
    users[userId] ??= new Set();
    users[userId].add(id);
  }
  return Object.fromEntries(Object.entries(users).map(([userId, ids]) => [userId, [...ids]]));
}

/** A log of its own, with nothing in it. Disposing of the place closes the log. */
export interface LogPlace extends AsyncDisposable {
  log: EventLog;
}

/** What src/ports.ts promises of an EventLog, held against one implementation. */
export function eventLogContract(name: string, place: () => Promise<LogPlace>): void {
  describe(`the ${name} event log`, () => {
    test("hands out every event it took, a user's in order and one batch at a time", async () => {
      await using at = await place();
      const events = Array.from({ length: 3000 }, (_, index) => eventOf("normal", `user-${index % 17}`));
      const handled: NotificationEvent[] = [];
      const underWay = new Set<string>();
      await at.log.consume(async (batch, lane) => {
        expect(lane).toBe("normal");
        const users = new Set(batch.map(({ userId }) => userId));
        for (const user of users) {
          expect(underWay.has(user)).toBe(false);
          underWay.add(user);
        }
        await Promise.resolve();
        handled.push(...batch);
        for (const user of users) underWay.delete(user);
      });
      expect(await at.log.publishBuffered(events)).toBe(events.length);
      await eventually(() => handled.length >= events.length);
      expect(orderByUser(handled)).toEqual(orderByUser(events));
    });

    test("hands out what was published before anyone consumed", async () => {
      await using at = await place();
      const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
      const event = { ...eventOf("high"), trace: { traceparent, tracestate: "congo=t61rcWkgMzE" } };
      await at.log.publishBuffered([event]);
      const handled: NotificationEvent[] = [];
      await at.log.consume(async (batch) => void handled.push(...batch));
      await eventually(() => handled.length > 0);
      expect(handled).toEqual([event]);
    });

    test.each([
      ["low", "critical"],
      ["critical", "low"],
    ] as const)("does not let the lane %s, which is stuck, hold up %s", async (stuck, free) => {
      await using at = await place();
      const released = Promise.withResolvers<void>();
      const begun: Priority[] = [];
      const handled: Priority[] = [];
      await at.log.consume(async (_, lane) => {
        begun.push(lane);
        if (lane === stuck) await released.promise;
        handled.push(lane);
      });
      await at.log.publishBuffered([eventOf(stuck)]);
      await eventually(() => begun.includes(stuck));
      await at.log.publishBuffered([eventOf(free)]);
      await eventually(() => handled.includes(free));
      expect(handled).toEqual([free]);
      released.resolve();
      await eventually(() => handled.includes(stuck));
    });

    test("hands out a batch again whose handling threw, before what came after it", async () => {
      await using at = await place();
      const events = [eventOf(), eventOf()];
      const later = eventOf();
      const batches: string[][] = [];
      await at.log.consume(async (batch) => {
        batches.push(idsOf(batch));
        if (batches.length === 1) await at.log.publishBuffered([later]);
        if (batches.length <= 2) throw new Error("the database is away");
      });
      await at.log.publishBuffered(events);
      await eventually(() => batches.flat().includes(later.id));
      expect(batches[0]).toEqual(idsOf(events));
      expect([...new Set(batches.slice(2).flat())]).toEqual(idsOf([...events, later]));
    });

    test("hands out what can never be handled once, and nothing waits for it", async () => {
      await using at = await place();
      const [bad, good, later] = [eventOf(), eventOf(), eventOf()];
      const handedOut: NotificationEvent[] = [];
      await at.log.consume(async (batch) => {
        handedOut.push(...batch);
        const event = batch.find(({ id }) => id === bad.id);
        if (event) throw new EventsRefused([{ event, why: "it is none of ours" }]);
      });
      await at.log.publishBuffered([bad, good]);
      await eventually(() => handedOut.some(({ id }) => id === good.id));
      await at.log.publishBuffered([later]);
      await eventually(() => handedOut.some(({ id }) => id === later.id));
      expect(idsOf(handedOut)).toEqual(idsOf([bad, good, later]));
      await eventually(() => at.log.backlog().normal === 0);
    });

    test("finishes the batch under way before it is closed, and begins no other", async () => {
      await using at = await place();
      const begun = Promise.withResolvers<void>();
      const going = Promise.withResolvers<void>();
      let finished = 0;
      await at.log.consume(async () => {
        begun.resolve();
        await going.promise;
        finished += 1;
      });
      await at.log.publishBuffered([eventOf("high")]);
      await begun.promise;
      await at.log.publishBuffered([eventOf("high")]);
      const closed = at.log.close();
      going.resolve();
      await closed;
      expect(finished).toBe(1);
      expect(await at.log.publishBuffered([eventOf("high")])).toBe(0);
    });

    test("says how much is not handled yet, and that nothing is wrong", async () => {
      await using at = await place();
      let handled = 0;
      await at.log.publishBuffered([eventOf("critical"), eventOf("low"), eventOf("low")]);
      await eventually(() => at.log.backlog().low === 2);
      await at.log.consume(async (batch) => {
        handled += batch.length;
      });
      await eventually(() => handled === 3);
      await eventually(() => Object.values(at.log.backlog()).every((events) => events === 0));
      expect(at.log.fault()).toBeNull();
      expect(at.log.lost()).toBe(0);
    });
  });
}
