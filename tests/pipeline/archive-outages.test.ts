/** While MongoDB is down or hangs, nothing leaves the database, and nothing else waits for it. */
import { expect, test } from "bun:test";
import { iso } from "../../src/pipeline/time.ts";
import { eventually } from "../eventually.ts";
import { startMongo } from "../mongodb.ts";
import { archiveNow, get, hello, kept, onEitherDatabase, sendAll, worldOn } from "./archive-world.ts";
import { day, minute, second } from "./clock.ts";

/** A client whose connections were cut is given up only when it found no server for 5 s. */
const untilMended = { timeoutMs: 25_000, intervalMs: 200 };

onEitherDatabase(() => {
  test("while the archive is down nothing leaves, and what is only there is a 503, not a 404", async () => {
    await using mongo = await startMongo();
    await using world = await worldOn(mongo);
    const { client, clock } = world;
    const [archived = ""] = await sendAll(world);
    clock.step(4 * day);
    await archiveNow(world);
    await world.sweep();
    const young = await client.send(hello);
    await world.delivery(young, "webhook", "sent");
    clock.step(4 * day);

    mongo.cut();
    await archiveNow(world);
    expect(world.errors.splice(0).join("\n")).toContain("archive failed");
    expect((await get(world, young)).status).toBe(200);
    const answer = await get(world, archived);
    expect(answer).toMatchObject({ status: 503, data: { code: "archive_unavailable" } });
    expect(answer.headers.get("retry-after")).toBe("5");

    mongo.mend();
    await eventually(async () => {
      await archiveNow(world);
      return (await kept(world)).rows === 0;
    }, untilMended);
    world.errors.length = 0;
    expect((await get(world, archived)).status).toBe(200);
    expect((await get(world, young)).status).toBe(200);
    expect((await get(world, "01959999-0000-7000-8000-000000000000")).status).toBe(404);
  }, 60_000);

  test("a MongoDB that hangs holds up nothing that is due, nor a stop", async () => {
    await using mongo = await startMongo();
    await using world = await worldOn(mongo, { SWEEP_INTERVAL_MS: "20" });
    const { client, clock } = world;
    const ids = await sendAll(world);
    await archiveNow(world); // Connected: what is asked now is asked of a server that was there.
    const heldUp = mongo.hang();
    clock.step(4 * day);
    await heldUp;

    const scheduled = await client.send({ ...hello, send_at: iso(clock.now() + second) });
    clock.step(second);
    await world.delivery(scheduled, "inbox", "sent");
    expect(world.errors).toEqual([]); // It hangs still: nothing has given it up.

    await world.restart();
    expect(world.errors).toEqual([]);
    mongo.mend();
    await eventually(async () => {
      clock.step(minute);
      const listed = await world.client.all<{ id: string }>("/v1/notifications");
      return ids.every((id) => listed.every((one) => one.id !== id));
    }, untilMended);
    world.errors.length = 0; // The driver may take a while to find that it is mended.
  });
});
