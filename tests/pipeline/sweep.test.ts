/** What the event log did not take, or lost with its process, the sweep publishes from the database. */
import { expect, test } from "bun:test";
import { createMemoryEventLog } from "../../src/adapters/event-log-memory.ts";
import { createAccept } from "../../src/pipeline/accept.ts";
import { createLeadership } from "../../src/pipeline/leadership.ts";
import { createSweep } from "../../src/pipeline/sweep.ts";
import { pendingTask } from "../../src/pipeline/sweep-publish.ts";
import type { EventLog } from "../../src/ports.ts";
import { eventually } from "../eventually.ts";
import { nothingOpen } from "../process/client.ts";
import { arrivals } from "../process/receivers.ts";
import { servers, stacks } from "../stacks.ts";
import { day, minute, second } from "./clock.ts";
import { dispatchOf } from "./dispatch-by-hand.ts";
import { hangingWebhooks } from "./hanging.ts";
import { aNotification, projectOf } from "./rows.ts";
import { createWorld } from "./world.ts";

test.each(stacks)(
  "on %s, a log that is full takes what fits, and the sweep publishes the rest, oldest first",
  async (stack) => {
    await using world = await createWorld({ stack });
    const { app, clock } = world;
    const laneCapacity = 5;
    const log = createMemoryEventLog({ laneCapacity });
    const accept = createAccept({ ...app, ...app.config, log });
    const leadership = createLeadership(app, "another sweep");
    const sweep = createSweep({ ...app, intervalMs: 60_000 }, [
      pendingTask({ ...app, ...app.config, log }, leadership),
    ]);
    const plan = dispatchOf(world);
    await sweep.run();
    const projectId = await projectOf(world);
    const notifications = Array.from({ length: 12 }, () => aNotification({ projectId, nowMs: clock.now() }));
    const open = Promise.withResolvers<void>();
    const dispatched: string[][] = [];
    log.consume(async (batch) => {
      await open.promise;
      dispatched.push(batch.map(({ id }) => id));
      await plan(batch);
    });

    await accept.submit({ notifications, idempotency: null });
    expect(log.backlog().normal).toBe(laneCapacity);
    open.resolve();
    await eventually(() => log.backlog().normal === 0);
    await sweep.run();
    expect(log.backlog().normal).toBe(0); // It is young yet: whoever accepted it may be about to publish it.

    clock.step(app.config.pendingGraceMs + second);
    for (const expected of [10, 12]) {
      await sweep.run();
      await eventually(() => log.backlog().normal === 0);
      expect(dispatched.flat()).toHaveLength(expected);
    }
    expect(dispatched.flat()).toEqual(notifications.map(({ id }) => id));
    expect(await nothingOpen(world.client)).toBe(true);
    await log.close();
  },
);

test("what a lost log held is published by the next start, without waiting for the grace to pass", async () => {
  await using world = await createWorld();
  await world.app.log.close();
  const id = await world.client.send({ to: "ana", title: "Hello", body: "It works." });
  await world.sweep();
  expect((await world.client.notification(id)).status).toBe("pending");

  world.clock.step(1);
  await world.restart();

  await world.delivery(id, "inbox", "sent");
});

test.each(servers)(
  "on %s, where another process may still be about to publish it, what a lost log held waits for the grace to pass",
  async (stack) => {
    await using world = await createWorld({ stack });
    await world.app.log.close();
    const id = await world.client.send({ to: "ana", title: "Hello", body: "It works." });

    world.clock.step(second);
    await world.restart();
    await world.sweep();
    expect((await world.client.notification(id)).status).toBe("pending");
    world.clock.step(world.app.config.pendingGraceMs);
    await world.sweep();

    await world.delivery(id, "inbox", "sent");
  },
);

test.each(stacks)(
  "on %s, the sweep of a process that runs on takes over nothing that it is sending itself",
  async (stack) => {
    await using world = await createWorld({ stack });
    const { clock, receivers } = world;
    const { hanging, send, answer } = await hangingWebhooks(world);

    clock.step(minute);
    await world.sweep();
    expect(await world.delivery(hanging, "webhook", "sending")).toMatchObject({ attempts: [] });
    answer();

    await world.delivery(hanging, "webhook", "sent");
    const after = await send("after");
    await world.delivery(after, "webhook", "sent");
    expect(arrivals(receivers.http.received)).toEqual(new Map([hanging, after].map((id) => [id, 1])));
  },
);

test.each(stacks)(
  "on %s, what a process began and did not end before its lease ran out is sent again, and the record says why",
  async (stack) => {
    await using world = await createWorld({ stack });
    const { app, client, clock, receivers } = world;
    receivers.http.answer = () => new Promise(() => {});
    const to = { user_id: "ana", webhook_url: receivers.http.url };
    const hello = { to, title: "Hello", body: "It works.", channels: ["webhook"] };
    const ids = await Promise.all(Array.from({ length: 8 }, () => client.send(hello)));
    await receivers.http.waitFor(ids.length);

    receivers.http.answer = () => new Response("ok");
    clock.step(app.config.leaseMs + second);
    await world.sweep();

    for (const id of ids) {
      const { attempts } = await world.delivery(id, "webhook", "sent");
      expect(attempts.map(({ outcome }) => outcome)).toEqual(["ambiguous", "sent"]);
      expect(attempts[0]?.answer).toContain("stopped before it recorded");
    }
  },
);

test.each(stacks)(
  "on %s, what was accepted while the clock stood on another day is still found once it is right again",
  async (stack) => {
    await using world = await createWorld({ stack });
    await world.sweep();
    world.clock.step(-day);
    await world.sweep();
    await world.app.log.close();
    const id = await world.client.send({ to: "ana", title: "Hello", body: "It works." });

    world.clock.step(day + world.app.config.pendingGraceMs);
    await world.restart();

    await world.delivery(id, "inbox", "sent");
  },
);

test.each(stacks)(
  "on %s, what stays pending, since the log still holds it, is published again only when it has waited twice as long",
  async (stack) => {
    await using world = await createWorld({ stack });
    const { app, clock, client } = world;
    await app.log.close();
    const publishedAt = new Map<string, number[]>();
    const log: EventLog = {
      ...app.log,
      async publishBuffered(events) {
        for (const { id } of events) publishedAt.set(id, [...(publishedAt.get(id) ?? []), clock.now()]);
        return events.length;
      },
    };
    const graceMs = app.config.pendingGraceMs;
    const sweep = createSweep({ ...app, intervalMs: 60_000 }, [
      pendingTask({ ...app, ...app.config, log }, createLeadership(app, "another sweep")),
    ]);
    await sweep.run();
    const startedMs = clock.now();
    const ids = [await client.send({ to: "ana", title: "Hello", body: "It works." })];
    clock.step(graceMs / 2);
    ids.push(await client.send({ to: "ben", title: "Hello", body: "It works." }));

    for (let round = 0; round < 36; round += 1) {
      clock.step(graceMs / 2);
      await sweep.run();
    }

    const ages = ids.map((id, nth) =>
      (publishedAt.get(id) ?? []).map((at) => (at - startedMs) / graceMs - nth / 2),
    );
    // A round sees an age first when it has passed it.
    for (const seen of ages) expect(seen).toEqual([1.5, 2.5, 4.5, 8.5, 16.5]);
  },
);

test.each(stacks)(
  "on %s, what the log took and lost is published again once the log can be used, without waiting twice as long",
  async (stack) => {
    await using world = await createWorld({ stack });
    const { app, clock, client } = world;
    await app.log.close();
    const published: string[] = [];
    let fault: string | null = null;
    let lost = 0;
    const log: EventLog = {
      ...app.log,
      async publishBuffered(events) {
        published.push(...events.map(({ id }) => id));
        return events.length;
      },
      fault: () => fault,
      lost: () => lost,
    };
    const sweep = createSweep({ ...app, intervalMs: 60_000 }, [
      pendingTask({ ...app, ...app.config, log }, createLeadership(app, "another sweep")),
    ]);
    await sweep.run();
    const id = await client.send({ to: "ana", title: "Hello", body: "It works." });
    clock.step(app.config.pendingGraceMs + second);
    await sweep.run();
    expect(published).toEqual([id]);

    [fault, lost] = ["no broker answers", 1];
    clock.step(second);
    await sweep.run();
    expect(published).toEqual([id]);
    fault = null;
    for (let round = 0; round < 3; round += 1) {
      await sweep.run();
      expect(published).toEqual([id, id]);
    }
  },
);

test("what was claimed ahead and waited until its lease ran out is sent once, by whom the sweep gave it to", async () => {
  await using world = await createWorld({ env: { WEBHOOK_CONNECTIONS: "1" } });
  const { app, client, clock, receivers } = world;
  const { hanging, send, answer } = await hangingWebhooks(world);
  const ahead = await send("ahead");
  await world.delivery(ahead, "webhook", "sending");

  clock.step(app.config.leaseMs + second);
  await world.sweep();
  answer();

  for (const id of [hanging, ahead]) await world.delivery(id, "webhook", "sent");
  await eventually(() => nothingOpen(client));
  expect(receivers.http.received.filter(({ body }) => body.includes(ahead))).toHaveLength(1);
});
