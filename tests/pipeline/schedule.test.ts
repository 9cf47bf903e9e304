/** What is due later stands in the database, and is sent, cancelled or given up when its time comes. */
import { expect, test } from "bun:test";
import { iso } from "../../src/pipeline/time.ts";
import { arrivals } from "../process/receivers.ts";
import { stacks } from "../stacks.ts";
import { day, hour, minute, second } from "./clock.ts";
import { createWorld, type World } from "./world.ts";

const ana = ({ receivers }: World) => ({ user_id: "ana", webhook_url: receivers.http.url });

/** How often each webhook arrived before one to the same user that is sent now: what was to come had its turn. */
async function arrivedBefore(world: World): Promise<Map<string, number>> {
  const last = await world.client.send({ to: ana(world), title: "The last one", body: "Now." });
  await world.delivery(last, "webhook", "sent");
  const arrived = arrivals(world.receivers.http.received);
  arrived.delete(last);
  return arrived;
}

test.each(stacks)(
  "on %s, what is scheduled waits as a row, over a restart too, and is sent once its time has come",
  async (stack) => {
    await using world = await createWorld({ stack });
    const { clock, receivers } = world;
    const send_at = iso(clock.now() + 30 * day);
    const id = await world.client.send({ to: ana(world), title: "In a month", body: "Now.", send_at });

    clock.step(30 * day - second);
    await world.restart();
    await world.sweep();
    expect((await world.client.notification(id)).status).toBe("scheduled");
    expect(receivers.http.received).toHaveLength(0);

    clock.step(second);
    await world.sweep();
    await world.delivery(id, "webhook", "sent");
    expect(await world.client.notification(id)).toMatchObject({ status: "sent" });
    await world.sweep();
    expect(await arrivedBefore(world)).toEqual(new Map([[id, 1]]));
  },
);

test.each(stacks)("on %s, the wait until its time is no delay", async (stack) => {
  await using world = await createWorld({ stack });
  const send_at = iso(world.clock.now() + hour);
  const later = await world.client.send({ to: ana(world), title: "In an hour", body: "Now.", send_at });
  world.clock.step(hour);
  await world.sweep();
  for (const channel of ["webhook", "inbox"]) await world.delivery(later, channel, "sent");
  const now = await world.client.send({ to: ana(world), title: "Now", body: "At once." });
  for (const channel of ["webhook", "inbox"]) await world.delivery(now, channel, "sent");

  const { telemetry, work } = world.app;
  const metrics = await telemetry.metrics(await work.metrics());
  const counts = [...metrics.matchAll(/^carillon_accept_to_sent_seconds_count\{(.*)\} (\d+)$/gm)];
  expect(counts.map(([, labels, count]) => `${labels} ${count}`).sort()).toEqual([
    'priority="normal",channel="inbox" 1',
    'priority="normal",channel="webhook" 1',
  ]);
});

test.each(stacks)("on %s, what was due while nothing ran is sent by the next start", async (stack) => {
  await using world = await createWorld({ stack });
  const send_at = iso(world.clock.now() + hour);
  const id = await world.client.send({ to: ana(world), title: "In an hour", body: "Now.", send_at });

  world.clock.step(2 * hour);
  await world.restart();

  await world.delivery(id, "webhook", "sent");
});

test.each(stacks)(
  "on %s, what is scheduled can be cancelled before, and is not sent after",
  async (stack) => {
    await using world = await createWorld({ stack });
    const send_at = iso(world.clock.now() + hour);
    const id = await world.client.send({ to: ana(world), title: "Never", body: "Now.", send_at });

    const { status } = await world.client.call("POST", `/v1/notifications/${id}/cancel`);
    expect(status).toBe(200);
    world.clock.step(2 * hour);
    await world.sweep();
    await world.restart();

    expect(await arrivedBefore(world)).toEqual(new Map());
    expect(await world.client.notification(id)).toMatchObject({ status: "cancelled", deliveries: [] });
  },
);

test.each(stacks)("on %s, a send_at that has passed already is sent now", async (stack) => {
  await using world = await createWorld({ stack });
  const send_at = iso(world.clock.now() - hour);
  const id = await world.client.send({ to: ana(world), title: "An hour ago", body: "Now.", send_at });

  await world.delivery(id, "webhook", "sent");
});

test.each(stacks)(
  "on %s, what expires before it is dispatched is skipped on every channel",
  async (stack) => {
    await using world = await createWorld({ stack });
    const { clock } = world;
    const times = { send_at: iso(clock.now() + hour), expires_at: iso(clock.now() + 2 * hour) };
    const id = await world.client.send({ to: ana(world), title: "Too late", body: "Now.", ...times });

    clock.step(2 * hour);
    await world.sweep();
    await world.delivery(id, "webhook", "skipped");

    const { status, reason, deliveries } = await world.client.notification(id);
    expect({ status, reason }).toEqual({ status: "skipped", reason: "expired" });
    expect(deliveries.map((delivery) => [delivery.channel, delivery.status, delivery.reason])).toEqual([
      ["inbox", "skipped", "expired"],
      ["webhook", "skipped", "expired"],
    ]);
    expect(world.receivers.http.received).toHaveLength(0);
  },
);

test.each(stacks)(
  "on %s, what expires between two attempts is skipped, and its attempts are kept",
  async (stack) => {
    await using world = await createWorld({ stack, env: { RETRY_SCHEDULE: "10m,10m" } });
    const { clock, receivers } = world;
    receivers.http.answer = () => new Response("not now", { status: 503 });
    const expires_at = iso(clock.now() + 15 * minute);
    const id = await world.client.send({
      to: ana(world),
      title: "Quick",
      body: "Now.",
      channels: ["webhook"],
      expires_at,
    });
    await world.delivery(id, "webhook", "retrying");

    clock.step(15 * minute);
    await world.sweep();

    const { reason, attempts } = await world.delivery(id, "webhook", "skipped");
    expect(reason).toBe("expired");
    expect(attempts.map(({ outcome, answer }) => [outcome, answer])).toEqual([
      ["retry", "HTTP 503: not now"],
    ]);
    expect(receivers.http.received).toHaveLength(1);
    expect(await world.client.notification(id)).toMatchObject({ status: "skipped", reason: "expired" });
  },
);
