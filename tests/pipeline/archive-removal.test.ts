/** What is erased, and what is older than RETENTION_DAYS, leaves the archive, too. */
import { expect, test } from "bun:test";
import { dropOldPartitions } from "../../db/partitions.ts";
import { startMongo } from "../mongodb.ts";
import {
  archiveNow,
  get,
  hello,
  kept,
  onEitherDatabase,
  retentionDays,
  sendAll,
  worldOn,
} from "./archive-world.ts";
import { day } from "./clock.ts";

onEitherDatabase(() => {
  test("erasing a user empties the archive, and is no success while it is down", async () => {
    await using mongo = await startMongo();
    await using world = await worldOn(mongo);
    const { client, clock } = world;
    const [archived = ""] = await sendAll(world);
    const other = await client.send({ ...hello, to: "bob" });
    await world.delivery(other, "inbox", "sent");
    clock.step(4 * day);
    await archiveNow(world);
    await world.sweep();
    const young = await client.send(hello);
    await world.delivery(young, "inbox", "sent");

    expect((await client.notification(archived)).title).toBe("Hello");

    mongo.cut();
    expect((await client.call("DELETE", "/v1/users/ana")).status).toBe(503);
    expect((await client.notification(young)).title).toBe("Hello");
    mongo.mend();
    const { data } = await client.call<{ erased: object }>("DELETE", "/v1/users/ana");
    expect(data.erased).toMatchObject({ profiles: 1, notifications: 1, archived_notifications: 2 });

    expect(await client.notification(archived)).toMatchObject({ title: "", status: "sent" });
    expect((await client.notification(other)).title).toBe("Hello");
    expect((await client.call("DELETE", "/v1/users/ana")).status).toBe(404);
  });

  test("RETENTION_DAYS applies to the archive, and to the days that never went there", async () => {
    await using mongo = await startMongo();
    await using world = await worldOn(mongo);
    const { client, clock, receivers } = world;
    const ids = await sendAll(world);
    receivers.http.answer = () => new Response("gone", { status: 410 });
    const to = { user_id: "ana", webhook_url: receivers.http.url };
    const dead = await client.send({ ...hello, to, channels: ["webhook"] });
    await world.delivery(dead, "webhook", "failed");
    const retain = () =>
      dropOldPartitions(world.app.db.orm, {
        nowMs: clock.now(),
        retentionDays,
        settledBefore: "ffffffff-ffff-ffff-ffff-ffffffffffff",
      });

    clock.step(retentionDays * day);
    await archiveNow(world);
    await retain();
    expect(await mongo.client.db().collection("notifications").countDocuments()).toBe(ids.length);
    expect((await kept(world)).rows).toBeGreaterThan(0);

    clock.step(2 * day);
    await archiveNow(world);
    await retain();
    await world.restart(); // What was read is remembered for a while.
    for (const id of [...ids, dead]) expect((await get(world, id)).status).toBe(404);
    expect(await mongo.client.db().collection("notifications").countDocuments()).toBe(0);
  });
});
