/** Whatever comes between a day's arrival in the archive and its leaving the database, it is never missing from both. */
import { expect, test } from "bun:test";
import { iso } from "../../src/pipeline/time.ts";
import { startMongo } from "../mongodb.ts";
import {
  archiveNow,
  get,
  hello,
  kept,
  needsOf,
  onEitherDatabase,
  sendAll,
  worldOn,
} from "./archive-world.ts";
import { day } from "./clock.ts";

onEitherDatabase(() => {
  test("killed after the archive kept it, both have it; the next one moves it", async () => {
    await using mongo = await startMongo();
    await using world = await worldOn(mongo);
    const ids = await sendAll(world);
    world.clock.step(4 * day);
    const { archive } = needsOf(world);
    await archiveNow(world, {
      async store(batch) {
        await archive.store(batch);
        throw new Error("killed");
      },
    });
    expect(world.errors.splice(0).join("\n")).toContain("killed");
    expect((await kept(world)).rows).toBeGreaterThan(0);
    for (const id of ids) expect((await get(world, id)).status).toBe(200);

    await world.restart();
    await archiveNow(world);

    expect((await kept(world)).rows).toBe(0);
    for (const id of ids) expect((await get(world, id)).status).toBe(200);
    const stored = mongo.client.db().collection("notifications");
    expect(await stored.countDocuments()).toBe(ids.length);
  });

  test("two that move the same at once lose nothing", async () => {
    await using mongo = await startMongo();
    await using world = await worldOn(mongo);
    const ids = await sendAll(world);
    world.clock.step(4 * day);
    await Promise.all([archiveNow(world), archiveNow(world), archiveNow(world)]);
    expect((await kept(world)).rows).toBe(0);
    for (const id of ids) expect((await get(world, id)).status).toBe(200);
  });

  test("a change between store and delete is archived, too", async () => {
    await using mongo = await startMongo();
    await using world = await worldOn(mongo);
    const { client } = world;
    const [sent = ""] = await sendAll(world);
    const second = await client.send({ ...hello, to: "bob" });
    await world.delivery(second, "inbox", "sent");
    world.clock.step(4 * day);
    const { archive } = needsOf(world);
    let changed = false;
    await archiveNow(world, {
      async store(batch) {
        await archive.store(batch);
        if (changed) return;
        changed = true;
        await client.call("PATCH", `/v1/users/bob/inbox/${second}`, { archived: true });
        await client.call("DELETE", "/v1/users/ana");
      },
    });

    expect((await kept(world)).rows).toBe(0);
    const marked = (await client.notification(second)).deliveries[0];
    expect(marked).toMatchObject({ archived_at: iso(world.clock.now()) });
    expect((await client.notification(sent)).title).toBe("");
    expect(
      JSON.stringify(await mongo.client.db().collection("notifications").find().toArray()),
    ).not.toContain("$set");
  });
});
