/** Where a request stands in a trace reaches whoever gets its webhooks, however they come to be sent. */
import { expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { rowsOf } from "../../db/statement.ts";
import { eventually } from "../eventually.ts";
import { stacks } from "../stacks.ts";
import { minute } from "./clock.ts";
import { createWorld, type World } from "./world.ts";

const trace = {
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  tracestate: "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
};

const aWebhook = ({ receivers }: World, more: object = {}) => ({
  to: { user_id: "ana", webhook_url: receivers.http.url },
  title: "Hello",
  body: "It works.",
  channels: ["webhook"],
  ...more,
});

async function send({ client }: World, body: object, headers: Record<string, string>): Promise<string> {
  const { status, data } = await client.call<{ id: string }>("POST", "/v1/notifications", body, headers);
  expect(status).toBe(202);
  return data.id;
}

const passedOn = ({ receivers }: World) =>
  receivers.http.received.map(({ headers }) => ({
    traceparent: headers.get("traceparent"),
    tracestate: headers.get("tracestate"),
  }));

test.each(stacks)("on %s, every attempt, what was scheduled and each of a bulk pass it on", async (stack) => {
  await using world = await createWorld({ stack, env: { RETRY_SCHEDULE: "1m" } });
  const { client, clock, receivers } = world;
  const answers = [503, 200, 200, 200, 200];
  receivers.http.answer = () => new Response(null, { status: answers.shift() ?? 200 });

  const id = await send(world, aWebhook(world), trace);
  await world.delivery(id, "webhook", "retrying");
  clock.step(2 * minute);
  await world.sweep();
  await world.delivery(id, "webhook", "sent");

  const sendAt = new Date(clock.now() + 5 * minute).toISOString();
  const later = await send(world, aWebhook(world, { send_at: sendAt }), trace);
  clock.step(6 * minute);
  await world.sweep();
  await world.delivery(later, "webhook", "sent");

  const bulk = { notifications: [aWebhook(world), aWebhook(world)] };
  expect((await client.call("POST", "/v1/notifications/bulk", bulk, trace)).status).toBe(202);
  await receivers.http.waitFor(5);
  expect(passedOn(world)).toEqual([trace, trace, trace, trace, trace]);
});

test("what the event log lost is published again with it", async () => {
  await using world = await createWorld();
  await world.app.log.close();
  await send(world, aWebhook(world), trace);
  world.clock.step(minute);
  await world.restart();
  await world.receivers.http.waitFor(1);
  expect(passedOn(world)).toEqual([trace]);
});

test("one that is not valid is ignored, and the notification is sent", async () => {
  await using world = await createWorld();
  await send(world, aWebhook(world), { ...trace, traceparent: "00-what-is-this" });
  await world.receivers.http.waitFor(1);
  expect(passedOn(world)).toEqual([{ traceparent: null, tracestate: null }]);
});

test("an erasure empties what vendors wrote into it, and keeps the ids", async () => {
  await using world = await createWorld();
  const id = await send(world, { to: "ana", title: "Hello", body: "It works." }, trace);
  await eventually(async () => (await world.client.notification(id)).status === "sent");
  expect((await world.client.call("DELETE", "/v1/users/ana")).status).toBe(200);
  const kept = await world.app.db.orm.execute(
    sql`select traceparent, tracestate from notifications where id = ${id}`,
  );
  expect(rowsOf(kept)).toEqual([{ traceparent: trace.traceparent, tracestate: null }]);
});
