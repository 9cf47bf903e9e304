/** What is closed leaves the database for MongoDB when it is old, and is never missing from both. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { dropOldPartitions } from "../../db/partitions.ts";
import { rowsOf } from "../../db/statement.ts";
import { type ArchiveNeeds, archiveOldDays } from "../../src/pipeline/archive.ts";
import { iso } from "../../src/pipeline/time.ts";
import type { Archive } from "../../src/ports.ts";
import { type OwnDatabase, testDatabase } from "../databases.ts";
import { eventually } from "../eventually.ts";
import { startMongo, type TestMongo } from "../mongodb.ts";
import { day, hour, minute, second } from "./clock.ts";
import { createWorld, type World } from "./world.ts";

const hello = { to: "ana", title: "Hello", body: "It works." };
const afterDays = 2;
const retentionDays = 10;

let database: OwnDatabase | null = null;

const worldOn = ({ url }: TestMongo, env: Record<string, string> = {}) =>
  createWorld({
    env: {
      ...env,
      ...(database === null ? {} : { DATABASE_URL: database.url }),
      MONGODB_URL: url,
      ARCHIVE_AFTER_DAYS: String(afterDays),
      RETENTION_DAYS: String(retentionDays),
      RETRY_SCHEDULE: "1s",
    },
  });

function needsOf({ app }: World, changes: Partial<Archive> = {}): ArchiveNeeds {
  if (app.archive === null) throw new Error("this world has no archive");
  const { db, telemetry, archiveTelemetry } = app;
  const archive = { ...app.archive, ...changes };
  const { signal } = new AbortController();
  return { db, archive, telemetry, archiveTelemetry, archiveAfterDays: afterDays, retentionDays, signal };
}

const archiveNow = (world: World, changes?: Partial<Archive>) =>
  archiveOldDays(needsOf(world, changes), world.clock.now());

/** How many rows the database has of what grows, and the days it has tables for. */
async function kept({ app }: World): Promise<{ rows: number; days: string[] }> {
  const count = sql`select ((select count(*) from notifications) + (select count(*) from deliveries)
    + (select count(*) from attempts))::int as rows`;
  const names = sql`select right(relname, 8) as day from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = 'notifications'::regclass and relname ~ '_[0-9]{8}$' order by relname`;
  const [counted] = rowsOf<{ rows: number }>(await app.db.orm.execute(count));
  const days = rowsOf<{ day: string }>(await app.db.orm.execute(names)).map((row) => row.day);
  return { rows: counted?.rows ?? Number.NaN, days };
}

const get = (world: World, id: string) => world.client.call("GET", `/v1/notifications/${id}`);

/** Of each kind that can be closed, one; all of the first day. */
async function sendAll(world: World): Promise<string[]> {
  const { client, clock, receivers } = world;
  const { url } = receivers.http;
  const to = { user_id: "ana", webhook_url: url, email: "ana@example.com" };
  const label = { metadata: { order: 42, "a.b": "x" }, data: { z: 1, a: { $set: [1.5, null] } } };
  const sent = await client.send({ ...hello, ...label, to, channels: ["inbox", "webhook"] });
  await world.delivery(sent, "webhook", "sent");
  const skipped = await client.send({ ...hello, to: "nobody", channels: ["sms"] });
  await world.delivery(skipped, "sms", "skipped");
  const cancelled = await client.send({ ...hello, send_at: iso(clock.now() + hour) });
  await client.call("POST", `/v1/notifications/${cancelled}/cancel`);
  await client.call("PATCH", `/v1/users/ana/inbox/${sent}`, { read: true });
  return [sent, skipped, cancelled];
}

/** A client whose connections were cut is given up only when it found no server for 5 s. */
const untilMended = { timeoutMs: 25_000, intervalMs: 200 };

describe.each(["the embedded database", "PostgreSQL"])("on %s", (kind) => {
  beforeEach(async () => {
    database = kind === "PostgreSQL" ? await testDatabase() : null;
  });
  afterEach(() => database?.[Symbol.asyncDispose]());

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
