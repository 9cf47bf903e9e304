/** Partitions of a day and of a week beside each other: made without a gap, dropped when all in them is old. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { type SQL, sql } from "drizzle-orm";
import { dumpRows, loadDump } from "../../db/dump.ts";
import { dropEmptiedPeriods } from "../../db/emptied-periods.ts";
import { idFloor, newId } from "../../db/id.ts";
import { migrate } from "../../db/migrate.ts";
import { dropOldPartitions, ensurePartitions } from "../../db/partitions.ts";
import { dayMs, periodDaysFor, readPartitions } from "../../db/periods.ts";
import { insertNotifications } from "../../db/queries/notifications.ts";
import { type Drizzle, rowsOf } from "../../db/statement.ts";
import { databaseTrouble } from "../../db/trouble.ts";
import { openPostgresDatabase } from "../../src/adapters/database-postgres.ts";
import { pgliteDatabase } from "../adapters/pglite-database.ts";
import { postgresOptions, quiet } from "../adapters/postgres-options.ts";
import { onServer, testDatabase } from "../databases.ts";
import { stacks } from "../stacks.ts";
import { notificationColumns } from "./notification-columns.ts";

setDefaultTimeout(60_000);

/** A Monday; the weeks that are counted from the epoch begin on Thursdays. */
const mondayMs = Date.parse("2026-03-02T00:00:00Z");
const at = (date: string) => Date.parse(`${date}T00:00:00Z`);
const week = periodDaysFor(90);
const projectId = newId(mondayMs);
const settledBefore = "ffffffff-ffff-ffff-ffff-ffffffffffff";
const tables = ["notifications", "deliveries", "attempts"];
const databases = stacks.filter((name) => name === "embedded" || name === "PostgreSQL");

const disposals: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of disposals.splice(0)) await one[Symbol.asyncDispose]();
});

/** A new database with all tables and no partition. */
async function database(name: (typeof databases)[number]): Promise<Drizzle> {
  if (name === "embedded") {
    const embedded = await pgliteDatabase();
    disposals.unshift(embedded);
    await migrate(embedded.db.orm);
    return embedded.db.orm;
  }
  const own = await testDatabase();
  const db = await openPostgresDatabase(postgresOptions(own.url), quiet);
  disposals.unshift({ [Symbol.asyncDispose]: db.close }, own);
  await migrate(db.orm);
  return db.orm;
}

/** The partitions of each table, without its name: the same for all, and each begins where the one before ends. */
async function partitionsOf(orm: Drizzle): Promise<string[]> {
  const all = await readPartitions(orm);
  const [names = [], ...others] = tables.map((table) => {
    const own = all.filter((partition) => partition.table === table);
    for (const [nth, { fromMs }] of own.entries()) if (nth > 0) expect(fromMs).toBe(own[nth - 1]?.endMs ?? 0);
    return own.map(({ name }) => name.slice(table.length + 1));
  });
  for (const other of others) expect(other).toEqual(names);
  return names;
}

const insertAt = (orm: Drizzle, ...times: number[]) =>
  insertNotifications(
    orm,
    notificationColumns(
      times.map((ms) => newId(ms)),
      { projectId, statuses: times.map(() => "sent") },
    ),
  );

/** Where each notification lies, oldest first. */
const placesOf = async (orm: Drizzle) =>
  rowsOf<{ place: string }>(
    await orm.execute(sql`select tableoid::regclass::text as place from notifications order by id`),
  ).map(({ place }) => place.replace("notifications_", ""));

const run = (orm: Drizzle, ...statements: SQL[]) =>
  statements.reduce<Promise<unknown>>((done, next) => done.then(() => orm.execute(next)), Promise.resolve());

test("what is kept for up to two weeks lies in a day each, what is kept for longer in a week", () => {
  expect([1, 14, 15, 90, 3650].map(periodDaysFor)).toEqual([1, 1, 7, 7, 7]);
});

test.each(databases)(
  "on %s, a database of days goes on by the week, without gap or overlap",
  async (name) => {
    const orm = await database(name);
    await ensurePartitions(orm, mondayMs);
    for (let day = 0; day < 16; day++) {
      const nowMs = mondayMs + day * dayMs + 1;
      await ensurePartitions(orm, nowMs, week);
      await insertAt(orm, nowMs);
      expect((await databaseTrouble(orm, nowMs)).daysReady).toBeGreaterThanOrEqual(3);
    }
    expect(await partitionsOf(orm)).toEqual([
      ...["20260302", "20260303", "20260304"],
      ...["20260305_7d", "20260312_7d", "20260319_7d"],
    ]);
    const days = (place: string, count: number) => Array.from({ length: count }, () => place);
    expect(await placesOf(orm)).toEqual([
      ...["20260302", "20260303", "20260304"],
      ...days("20260305_7d", 7),
      ...days("20260312_7d", 6),
    ]);
  },
);

test.each(databases)("on %s, a first start in the middle of a week has that week", async (name) => {
  const orm = await database(name);
  expect(await ensurePartitions(orm, mondayMs, week)).toBe(3);
  expect(await partitionsOf(orm)).toEqual(["20260226_7d"]);
  expect(await ensurePartitions(orm, mondayMs + dayMs, week)).toBe(3);
  expect(await partitionsOf(orm)).toEqual(["20260226_7d", "20260305_7d"]);
  expect(await ensurePartitions(orm, mondayMs + 2 * dayMs, week)).toBe(0);
});

test.each(databases)("on %s, RETENTION_DAYS may go from 90 to 7 and back", async (name) => {
  const orm = await database(name);
  for (let day = 0; day < 10; day++) {
    const retentionDays = day < 1 || day > 4 ? 90 : 7;
    await ensurePartitions(orm, mondayMs + day * dayMs, periodDaysFor(retentionDays));
    await insertAt(orm, mondayMs + day * dayMs);
  }
  expect(await partitionsOf(orm)).toEqual([
    "20260226_7d",
    ...["20260305", "20260306", "20260307", "20260308"],
    "20260309_3d", // Until the next week that begins for everyone.
    "20260312_7d",
  ]);
  expect(await placesOf(orm)).not.toContain("default");
});

test.each(databases)("on %s, rows that came before their week was made go along into it", async (name) => {
  const orm = await database(name);
  await ensurePartitions(orm, mondayMs);
  await insertAt(orm, at("2026-03-05"), at("2026-03-12") - 1, at("2026-03-12"));
  expect(await placesOf(orm)).toEqual(["default", "default", "default"]);

  await ensurePartitions(orm, at("2026-03-03"), week);

  expect(await placesOf(orm)).toEqual(["20260305_7d", "20260305_7d", "default"]);
});

test.each(databases)(
  "on %s, a week is dropped when the last moment of it is old, and not before",
  async (name) => {
    const orm = await database(name);
    for (let day = 0; day < 14; day++) await ensurePartitions(orm, mondayMs + day * dayMs, week);
    const endMs = at("2026-03-12");
    await insertAt(orm, at("2026-03-05"), endMs - 1, endMs);
    const retentionDays = 90;
    const dropAt = (nowMs: number) => dropOldPartitions(orm, { nowMs, retentionDays, settledBefore });
    const oldMs = endMs + retentionDays * dayMs;

    expect(await dropAt(oldMs - 1)).toEqual(tables.map((table) => `${table}_20260226_7d`));
    expect(await placesOf(orm)).toEqual(["20260305_7d", "20260305_7d", "20260312_7d"]);

    const due = newId(endMs - dayMs);
    await run(orm, sql`insert into due values (${due}::uuid, '', 'normal', now(), false)`);
    expect(await dropAt(oldMs)).toEqual([]);
    await run(orm, sql`delete from due`);
    const scheduledFor = new Date(endMs + dayMs).toISOString();
    await run(
      orm,
      sql`update notifications set send_at = ${scheduledFor}::timestamptz where id < ${idFloor(endMs)}::uuid`,
    );
    expect(await dropAt(oldMs)).toEqual([]);
    expect(
      await dropOldPartitions(orm, {
        nowMs: oldMs + 9 * dayMs,
        retentionDays,
        settledBefore: idFloor(endMs - 1),
      }),
    ).toEqual([]);

    expect(await dropAt(oldMs + dayMs + 1)).toEqual(tables.map((table) => `${table}_20260305_7d`));
    expect(await placesOf(orm)).toEqual(["20260312_7d"]);
  },
);

test.each(databases)(
  "on %s, where a table has a week and others its days, all are dropped together",
  async (name) => {
    const orm = await database(name);
    await run(
      orm,
      sql`create table deliveries_20260226_7d partition of deliveries
      for values from (${sql.raw(`'${idFloor(at("2026-02-26"))}'`)}) to (${sql.raw(`'${idFloor(at("2026-03-05"))}'`)})`,
    );
    for (let day = -4; day < 1; day++) await ensurePartitions(orm, mondayMs + day * dayMs);
    await insertAt(orm, at("2026-02-26"));
    const namesLeft = async () => (await readPartitions(orm)).length;
    const before = await namesLeft();
    expect(before).toBe(15);
    const endMs = at("2026-03-05");

    expect(await dropEmptiedPeriods(orm, endMs)).toEqual([]);
    await run(orm, sql`delete from notifications`);
    expect(await dropEmptiedPeriods(orm, endMs - 1)).toEqual([]);
    const old = { nowMs: endMs + 2 * dayMs, retentionDays: 2, settledBefore };
    expect(await dropOldPartitions(orm, { ...old, nowMs: old.nowMs - 1 })).toEqual([]);
    expect(await namesLeft()).toBe(before);
    expect(await dropEmptiedPeriods(orm, endMs)).toHaveLength(before);
  },
);

test.each(databases)(
  "on %s, a partition's name ends in a date only where it is of that day",
  async (name) => {
    const orm = await database(name);
    for (let day = 0; day < 20; day++)
      await ensurePartitions(orm, mondayMs + day * dayMs, day < 10 ? week : 1);
    for (const { name, fromMs, endMs } of await readPartitions(orm)) {
      const date = new Date(fromMs).toISOString().slice(0, 10).replaceAll("-", "");
      // A version that knows of days alone drops what matches this.
      if (/_[0-9]{8}$/.test(name)) expect([name.slice(-8), endMs - fromMs]).toEqual([date, dayMs]);
      else expect(name).toEndWith(`_${date}_${(endMs - fromMs) / dayMs}d`);
    }
  },
);

test.each(databases)("on %s, what an export has of long ago is imported into weeks", async (name) => {
  const source = await database(name);
  const times = [80, 79, 40, 8, 7, 1, 0].map((days) => mondayMs - days * dayMs);
  for (const ms of times) await ensurePartitions(source, ms);
  await insertAt(source, ...times);
  const target = await database(name);
  await ensurePartitions(target, mondayMs, week);

  await loadDump(target, week, (loading) => dumpRows(source, loading.load));

  expect(await placesOf(target)).toEqual([
    ...["20251211_7d", "20251211_7d", "20260115_7d"],
    ...["20260219_7d", "20260219_7d", "20260226_7d", "20260226_7d"],
  ]);
});

test.if(databases.includes("PostgreSQL"))(
  "what has partitions in another schema of the database has none here, and keeps them",
  async () => {
    await using own = await testDatabase();
    await onServer(own.url, (server) => server.unsafe("create schema one; create schema two"));
    const open = (schema: string) =>
      openPostgresDatabase(postgresOptions(`${own.url}?search_path=${schema}`), quiet);
    const both = await Promise.all([open("one"), open("two")]);
    const [one, two] = both.map(({ orm }) => orm) as [Drizzle, Drizzle];
    try {
      for (const orm of [one, two]) await migrate(orm);
      await ensurePartitions(one, mondayMs, week);
      await ensurePartitions(two, mondayMs, week);
      await insertAt(two, mondayMs);
      expect(await placesOf(two)).toEqual(["20260226_7d"]);

      const old = { nowMs: mondayMs + 20 * dayMs, retentionDays: 10, settledBefore };
      expect(await dropOldPartitions(two, old)).toHaveLength(3);
      expect(await dropEmptiedPeriods(two, old.nowMs)).toEqual([]);
      expect(await partitionsOf(two)).toEqual([]);
      expect(await partitionsOf(one)).toEqual(["20260226_7d"]);
    } finally {
      await Promise.all(both.map((db) => db.close()));
    }
  },
);

test.if(databases.includes("PostgreSQL"))(
  "processes of other settings that make partitions at the same time leave neither gap nor overlap",
  async () => {
    await using own = await testDatabase();
    const open = () => openPostgresDatabase(postgresOptions(own.url), quiet);
    const all = await Promise.all([open(), open(), open()]);
    try {
      await migrate(all[0].orm);
      for (let day = 0; day < 24; day++) {
        const nowMs = mondayMs + day * dayMs;
        await Promise.all(all.map(({ orm }, nth) => ensurePartitions(orm, nowMs, nth === 0 ? 1 : week)));
        await insertAt(all[0].orm, nowMs + 2 * dayMs);
      }
      const partitions = await readPartitions(all[0].orm);
      for (const table of tables) {
        const own = partitions.filter((partition) => partition.table === table);
        for (const [nth, { fromMs }] of own.entries())
          if (nth > 0) expect(fromMs).toBe(own[nth - 1]?.endMs ?? 0);
      }
      expect(await placesOf(all[0].orm)).not.toContain("default");
    } finally {
      await Promise.all(all.map((one) => one.close()));
    }
  },
);
