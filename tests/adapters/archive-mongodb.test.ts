/** What src/ports.ts promises of an Archive, held against MongoDB. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { newId } from "../../db/id.ts";
import { createMongoArchive } from "../../src/adapters/archive-mongodb.ts";
import { type Archive, type ArchivedNotification, ArchiveUnavailable } from "../../src/ports.ts";
import { createTelemetry } from "../../src/telemetry.ts";
import { createArchiveTelemetry } from "../../src/telemetry-archive.ts";
import { eventually } from "../eventually.ts";
import { startMongo, type TestMongo } from "../mongodb.ts";

setDefaultTimeout(30_000);

const projectId = newId(0);
const madeMs = Date.parse("2026-03-02T10:00:00.123Z");

let mongo: TestMongo;
let archive: Archive;
let telemetry: ReturnType<typeof createTelemetry>;
beforeAll(async () => {
  mongo = await startMongo();
  telemetry = createTelemetry({ level: "error" });
  archive = open(mongo);
});
afterAll(async () => {
  await archive.close();
  await mongo[Symbol.asyncDispose]();
});

const open = ({ url }: { url: string }, { registry, log } = telemetry) =>
  createMongoArchive({
    url,
    poolMax: 4,
    poolMin: 2,
    idleTimeoutMs: 30_000,
    telemetry: createArchiveTelemetry({ registry, log }),
  });

function rowsOf(
  changes: Partial<ArchivedNotification["notification"]> = {},
  nowMs = madeMs,
): ArchivedNotification {
  const id = newId(nowMs);
  const at = new Date(nowMs + 57);
  return {
    notification: {
      id,
      projectId,
      userId: "ana",
      priority: "high",
      status: "sent",
      reason: null,
      channels: "inbox,webhook",
      title: "Hello",
      body: "It works.",
      data: null,
      metadata: null,
      sendAt: null,
      expiresAt: at,
      traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      tracestate: "congo=t61rcWkgMzE",
      ...changes,
    },
    deliveries: [
      {
        notificationId: id,
        channel: "webhook",
        projectId,
        userId: changes.userId ?? "ana",
        status: "sent",
        reason: null,
        tries: 2,
        updatedAt: at,
        seenAt: null,
        readAt: at,
        archivedAt: null,
      },
    ],
    attempts: [
      {
        notificationId: id,
        id: newId(nowMs),
        channel: "webhook",
        at,
        provider: "webhook",
        outcome: "sent",
        answer: "HTTP 200 — Grüße 🔔",
      },
    ],
  };
}

const idOf = ({ notification }: ArchivedNotification) => notification.id;
const get = (rows: ArchivedNotification, of = archive) => of.get({ projectId, id: idOf(rows) });

test("gives back what was stored, to the millisecond and to the order of keys", async () => {
  const rows = rowsOf({
    data: { z: 1, a: [1.5, null, { $set: { "dotted.key": "x" } }], "": "empty", $where: "1" },
    metadata: { order: 9_007_199_254_740_991, paid: true, 7: "a number's key" },
    title: "Ünïcödé 🔔\u2028",
  });
  await archive.store([rows]);
  const found = await get(rows);
  expect(found).toEqual(rows);
  expect(JSON.stringify(found)).toBe(JSON.stringify(rows));
});

test("gives a project only what is its own", async () => {
  const rows = rowsOf();
  await archive.store([rows]);
  expect(await archive.get({ projectId: newId(0), id: idOf(rows) })).toBeNull();
  expect(await archive.get({ projectId, id: newId(madeMs) })).toBeNull();
});

test("keeps one of what is stored twice: the later", async () => {
  const batch = Array.from({ length: 300 }, () => rowsOf());
  await archive.store(batch);
  const later = batch.map((rows) => ({ ...rows, notification: { ...rows.notification, title: "Later" } }));
  await archive.store(later);
  expect(await get(batch[299] as ArchivedNotification)).toEqual(later[299] as ArchivedNotification);
  const stored = mongo.client.db().collection<{ _id: string }>("notifications");
  expect(await stored.countDocuments({ _id: { $in: batch.map(idOf) } })).toBe(300);
  await archive.store([]);
});

test("erases what is personal of a user, once, and leaves the record and everybody else", async () => {
  const mine = rowsOf({ userId: "erased", data: { secret: 1 }, metadata: { order: 1 } });
  const untried = { ...rowsOf({ userId: "erased" }), deliveries: [], attempts: [] };
  const other = rowsOf({ userId: "spared" });
  await archive.store([mine, untried, other]);

  expect(await archive.erase({ projectId: newId(0), userId: "erased" })).toEqual([]);
  const erased = await archive.erase({ projectId, userId: "erased" });
  expect(erased.sort()).toEqual([idOf(mine), idOf(untried)].sort());
  expect(await archive.erase({ projectId, userId: "erased" })).toEqual([]);

  expect(await get(mine)).toEqual({
    notification: {
      ...mine.notification,
      title: "",
      body: "",
      data: null,
      metadata: null,
      tracestate: null,
    },
    deliveries: mine.deliveries,
    attempts: mine.attempts.map((attempt) => ({ ...attempt, answer: "" })),
  });
  expect((await get(untried))?.notification.title).toBe("");
  expect(await get(other)).toEqual(other);
});

test("drops what is older, by when it was to be sent, so many at a time", async () => {
  const long = madeMs - 1_000_000;
  const old = Array.from({ length: 5 }, () => rowsOf({}, long));
  const scheduled = rowsOf({ sendAt: new Date(madeMs) }, long);
  await archive.store([...old, scheduled]);
  const beforeMs = long + 1;
  expect(await archive.drop({ beforeMs, max: 3 })).toBe(3);
  expect(await archive.drop({ beforeMs, max: 3 })).toBe(2);
  expect(await archive.drop({ beforeMs, max: 3 })).toBe(0);
  expect(await get(old[0] as ArchivedNotification)).toBeNull();
  expect(await get(scheduled)).toEqual(scheduled);
});

test("finds by its indexes", async () => {
  const stored = mongo.client.db().collection("notifications");
  const keys = Object.fromEntries((await stored.indexes()).map(({ name, key }) => [name, key]));
  expect(keys).toEqual({ _id_: { _id: 1 }, user: { projectId: 1, userId: 1 }, age: { at: 1 } });
});

test("says that it is out of reach, in time, and works again by itself", async () => {
  const rows = rowsOf();
  await archive.store([rows]);
  mongo.cut();
  const startedMs = performance.now();
  await expect(get(rows)).rejects.toThrow(ArchiveUnavailable);
  await expect(archive.store([rows])).rejects.toThrow(ArchiveUnavailable);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  mongo.mend();
  expect(await eventually(() => get(rows))).toEqual(rows);
});

test("may be opened while the server is down, and works once it is up", async () => {
  await using late = await startMongo();
  late.cut();
  const opened = open(late, createTelemetry({ level: "error" }));
  try {
    const rows = rowsOf();
    await expect(opened.store([rows])).rejects.toThrow(ArchiveUnavailable);
    late.mend();
    await eventually(async () => {
      await opened.store([rows]);
      return true;
    });
    expect(await get(rows, opened)).toEqual(rows);
  } finally {
    await opened.close();
  }
});

test("keeps its pool within its bounds, and shows what it does", async () => {
  const rows = rowsOf();
  await archive.store([rows]);
  await Promise.all(Array.from({ length: 50 }, () => get(rows)));
  const gauge = async (state: string) => {
    const metric = await telemetry.registry.getSingleMetric("carillon_archive_connections")?.get();
    return metric?.values.find(({ labels }) => labels.state === state)?.value;
  };
  expect(await gauge("in_use")).toBe(0);
  expect(await gauge("available")).toBeGreaterThanOrEqual(2);
  expect(await gauge("available")).toBeLessThanOrEqual(4);
  expect(await telemetry.registry.metrics()).toContain('carillon_archive_errors_total{operation="store"} 1');
});
