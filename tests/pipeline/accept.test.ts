/** A row that only the database can refuse does not take its neighbours along. */
import { expect, test } from "bun:test";
import { createAccept, type Submission } from "../../src/pipeline/accept.ts";
import type { EventLog } from "../../src/ports.ts";
import { createTelemetry } from "../../src/telemetry.ts";
import { eventually } from "../eventually.ts";
import type { ListedNotification } from "../process/client.ts";
import { stacks } from "../stacks.ts";
import { aNotification, projectOf } from "./rows.ts";
import { createWorld, type World } from "./world.ts";

const nul = "\0";

/** Errors are logged here, and they are about the rows that are bad. */
function expectLogged({ errors }: World, pattern: RegExp): void {
  expect(errors.length).toBeGreaterThan(0);
  for (const error of errors.splice(0)) expect(error).toMatch(pattern);
}

const titlesIn = async ({ client }: World) =>
  (await client.all<ListedNotification>("/v1/notifications")).map(({ title }) => title).sort();

test.each(stacks)(
  "on %s, of requests that share a flush, only the one with a bad row fails",
  async (stack) => {
    await using world = await createWorld({ stack });
    const { accept, clock } = world.app;
    const projectId = await projectOf(world);
    const titles = ["a", "b", `c${nul}`, "d", "e", "f", "g"];
    const submissions = titles.map(
      (title): Submission => ({
        notifications: [aNotification({ projectId, nowMs: clock.now(), title })],
        idempotency: null,
      }),
    );

    const results = await Promise.allSettled(submissions.map((submission) => accept.submit(submission)));

    expect(results.map(({ status }) => status)).toEqual(
      titles.map((title) => (title.includes(nul) ? "rejected" : "fulfilled")),
    );
    expect(await titlesIn(world)).toEqual(["a", "b", "d", "e", "f", "g"]);
    expectLogged(world, /accept failed/);
  },
);

test.each(stacks)(
  "on %s, of one request with many rows, the bad ones are named and the others are stored and sent",
  async (stack) => {
    await using world = await createWorld({ stack });
    const { accept, clock } = world.app;
    const projectId = await projectOf(world);
    const notifications = ["a", `b${nul}`, "c", `d${nul}`, "e"].map((title) =>
      aNotification({ projectId, nowMs: clock.now(), title }),
    );

    const { refused } = await accept.submit({ notifications, idempotency: null });

    const bad = notifications.filter(({ title }) => title.includes(nul));
    expect([...refused.keys()]).toEqual(bad.map(({ id }) => id));
    expect(await titlesIn(world)).toEqual(["a", "c", "e"]);
    for (const { id } of notifications.filter((one) => !bad.includes(one)))
      await world.delivery(id, "inbox", "sent");
    expectLogged(world, /accept failed/);
  },
);

test.each(stacks)(
  "on %s, a request with an Idempotency-Key is stored as a whole or not at all, and can be sent again",
  async (stack) => {
    await using world = await createWorld({ stack });
    const { accept, clock } = world.app;
    const projectId = await projectOf(world);
    const idempotency = { projectId, key: "order-17", requestHash: "hash", response: "{}" };
    const [good, bad] = ["a", `b${nul}`].map((title) =>
      aNotification({ projectId, nowMs: clock.now(), title }),
    );
    if (good === undefined || bad === undefined) throw new Error("unreachable");

    const whole = accept.submit({ notifications: [good, bad], idempotency });
    const neighbour = accept.submit({
      notifications: [aNotification({ projectId, nowMs: clock.now(), title: "c" })],
      idempotency: null,
    });
    expect((await Promise.allSettled([whole, neighbour])).map(({ status }) => status)).toEqual([
      "rejected",
      "fulfilled",
    ]);
    expect(await titlesIn(world)).toEqual(["c"]);

    const again = await accept.submit({ notifications: [good], idempotency });
    expect(again.earlier).toBeNull();
    expect(await titlesIn(world)).toEqual(["a", "c"]);
    expectLogged(world, /accept failed/);
  },
);

test.each(stacks)(
  "on %s, what is for the inbox alone needs no event log, and is told of as whatever is planned",
  async (stack) => {
    await using world = await createWorld({ stack });
    const { app } = world;
    const lines: string[] = [];
    const telemetry = createTelemetry({ level: "info", write: (line) => lines.push(line) });
    const projectId = await projectOf(world);
    const published: string[] = [];
    const publishBuffered: EventLog["publishBuffered"] = async (events) => {
      published.push(...events.map(({ id }) => id));
      return 0;
    };
    const accept = createAccept({ ...app, ...app.config, telemetry, log: { ...app.log, publishBuffered } });
    const nowMs = app.clock.now();
    const ofInbox = (fields: { userId: string; priority: "high" | "normal" }) =>
      aNotification({ projectId, nowMs, status: "sent", channels: ["inbox"], ...fields });
    const [first, second, other] = [
      ofInbox({ userId: "ben", priority: "high" }),
      ofInbox({ userId: "eve", priority: "normal" }),
      aNotification({ projectId, nowMs, userId: "eve" }),
    ];
    await accept.submit({ notifications: [first, second, other], idempotency: null });

    expect(published).toEqual([other.id]);
    for (const { id, userId } of [first, second]) {
      expect(await world.client.all(`/v1/users/${userId}/inbox`)).toMatchObject([{ id }]);
    }
    const metrics = await telemetry.metrics([]);
    for (const line of [
      'carillon_notifications_sent_total{channel="inbox",priority="high",outcome="sent"} 1',
      'carillon_notifications_sent_total{channel="inbox",priority="normal",outcome="sent"} 1',
      'carillon_accept_to_sent_seconds_count{priority="high",channel="inbox"} 1',
      'carillon_accept_to_sent_seconds_count{priority="normal",channel="inbox"} 1',
      'carillon_notifications_closed_total{status="sent"} 2',
    ]) {
      expect(metrics).toContain(`${line}\n`);
    }
    const told = lines.map((line) => JSON.parse(line)).filter(({ message }) => message === "notification");
    expect(told).toMatchObject(
      [first, second].map(({ id, userId, priority }) => ({
        notification_id: id,
        user_id: userId,
        priority,
        status: "sent",
        decisions: { inbox: "store" },
        waited_ms: expect.any(Number),
      })),
    );
  },
);

test.each(stacks)("on %s, what is critical is stored though flushes of others hang", async (stack) => {
  await using world = await createWorld({ stack });
  const { app } = world;
  const projectId = await projectOf(world);
  const open = Promise.withResolvers<void>();
  let hanging = 0;
  const publishBuffered: EventLog["publishBuffered"] = async (events) => {
    if (events.some(({ priority }) => priority !== "critical")) {
      hanging += 1;
      await open.promise;
    }
    return events.length;
  };
  const accept = createAccept({ ...app, ...app.config, log: { ...app.log, publishBuffered } });
  const submit = (priority: "critical" | "low") =>
    accept.submit({
      notifications: [aNotification({ projectId, nowMs: app.clock.now(), title: priority, priority })],
      idempotency: null,
    });

  const low = [submit("low")];
  await eventually(() => hanging === 1);
  low.push(submit("low"));
  await eventually(() => hanging === 2);
  low.push(submit("low"));
  await submit("critical");
  expect(await titlesIn(world)).toEqual(["critical", "low", "low"]);

  open.resolve();
  await Promise.all(low);
  await accept.drained();
  expect(await titlesIn(world)).toEqual(["critical", "low", "low", "low"]);
});
