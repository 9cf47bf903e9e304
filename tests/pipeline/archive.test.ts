/** What is closed leaves the database for MongoDB when it is old, and is read as before. */
import { expect, test } from "bun:test";
import { iso } from "../../src/pipeline/time.ts";
import { startMongo } from "../mongodb.ts";
import {
  afterDays,
  archiveNow,
  get,
  hello,
  kept,
  onEitherDatabase,
  sendAll,
  worldOn,
} from "./archive-world.ts";
import { day, hour } from "./clock.ts";

onEitherDatabase(() => {
  test("an old day moves as a whole, and each notification is read as before, to the byte", async () => {
    await using mongo = await startMongo();
    await using world = await worldOn(mongo);
    const ids = await sendAll(world);
    const before = await Promise.all(ids.map((id) => get(world, id)));

    world.clock.step(afterDays * day);
    await archiveNow(world);
    expect((await kept(world)).days).toContain("20260302");
    world.clock.step(day);
    await archiveNow(world);

    expect(await kept(world)).toEqual({ rows: 0, days: ["20260303", "20260304"] });
    const after = await Promise.all(ids.map((id) => get(world, id)));
    expect(after.map(({ data }) => JSON.stringify(data))).toEqual(
      before.map(({ data }) => JSON.stringify(data)),
    );
    expect(await world.client.all("/v1/notifications")).toEqual([]);
    expect(await world.app.telemetry.registry.metrics()).toContain("carillon_archived_total 3");
  });

  test("what is archived is neither cancelled nor replayed, and says why", async () => {
    await using mongo = await startMongo();
    await using world = await worldOn(mongo);
    const [sent = "", , cancelled = ""] = await sendAll(world);
    world.clock.step(4 * day);
    await archiveNow(world);

    const call = (path: string) => world.client.call<{ code: string; detail: string }>("POST", `/v1/${path}`);
    const refused = await call(`notifications/${sent}/cancel`);
    expect(refused).toMatchObject({ status: 409, data: { code: "not_cancellable" } });
    expect(refused.data.detail).toContain("archived");
    expect((await call(`notifications/${cancelled}/cancel`)).status).toBe(200);
    const replayed = await call(`deliveries/${sent}-webhook/replay`);
    expect(replayed).toMatchObject({ status: 409, data: { code: "not_replayable" } });
    expect(replayed.data.detail).toContain("archived");
    expect((await call(`deliveries/${sent}-email/replay`)).status).toBe(404);
  });

  test("what is open, due, scheduled for later, or can be replayed stays", async () => {
    await using mongo = await startMongo();
    await using world = await worldOn(mongo);
    const { client, clock, receivers } = world;
    const to = { user_id: "ana", webhook_url: receivers.http.url };
    const closed = await client.send(hello);
    await world.delivery(closed, "inbox", "sent");
    const later = await client.send({ ...hello, send_at: iso(clock.now() + 4 * day) });
    const sentLater = await client.send({ ...hello, send_at: iso(clock.now() + 2 * day) });
    receivers.http.answer = () => new Response("gone", { status: 410 });
    const dead = await client.send({ ...hello, to, channels: ["webhook"] });
    await world.delivery(dead, "webhook", "failed");
    receivers.http.answer = () => new Response("later", { status: 503 });
    const retried = await client.send({ ...hello, to, channels: ["webhook"] });
    await world.delivery(retried, "webhook", "retrying");
    clock.step(2 * day + hour);
    await world.sweep();
    await world.delivery(sentLater, "inbox", "sent");

    // Two days after the first day's end, and a day after the one was sent.
    clock.step(day);
    await archiveNow(world);

    const listed = await client.all<{ id: string }>("/v1/notifications");
    expect(listed.map(({ id }) => id).sort()).toEqual([later, sentLater, dead, retried].sort());
    expect((await client.notification(closed)).status).toBe("sent");
    expect((await client.call("POST", `/v1/deliveries/${dead}-webhook/replay`)).status).toBe(202);
  });
});
