/** The hot queries on a table with some ten thousand rows: each finds its rows by an index. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { sql } from "drizzle-orm";
import { idFloor, newId } from "../../db/id.ts";
import { migrate } from "../../db/migrate.ts";
import { ensurePartitions } from "../../db/partitions.ts";
import { countInbox, listInbox } from "../../db/queries/inbox.ts";
import {
  getNotification,
  insertNotifications,
  listNotifications,
  pendingBetween,
} from "../../db/queries/notifications.ts";
import { listDeliveries, timelineOf } from "../../db/queries/timelines.ts";
import { rowsOf } from "../../db/statement.ts";
import { type DataFolder, openDataFolder } from "../../src/adapters/data-folder.ts";
import { openPgliteDatabase } from "../../src/adapters/database-pglite.ts";
import type { Database } from "../../src/ports.ts";
import { type TempFolder, tempFolder } from "../temp-folder.ts";

setDefaultTimeout(30_000);

const dayMs = 86_400_000;
const todayMs = Date.parse("2026-03-02T10:00:00Z");
const days = 3;
const rowsADay = 10_000;
const users = 200;
const projectId = newId(todayMs);
const someUser = { projectId, userId: "user-17" };
/** Has one notification a day. */
const rareUser = { projectId, userId: "rare" };
const page = { limit: 20 };

let temp: TempFolder;
let folder: DataFolder;
let db: Database;
let someId = "";

beforeAll(async () => {
  temp = tempFolder();
  folder = openDataFolder(temp.path);
  db = await openPgliteDatabase(folder);
  await migrate(db.orm);
  await ensurePartitions(db.orm, todayMs);
  await db.orm.execute(sql`insert into projects values (${projectId}, 'default', 'live')`);
  for (let day = 0; day < days; day++) await fillDay(todayMs + day * dayMs);
  await db.maintain();
});

afterAll(async () => {
  await db.close();
  folder.release();
  await temp[Symbol.asyncDispose]();
});

async function fillDay(startMs: number): Promise<void> {
  const nths = Array.from({ length: rowsADay }, (_, nth) => nth);
  const ids = nths.map((nth) => newId(startMs + nth));
  someId = ids[rowsADay / 2] ?? "";
  await insertNotifications(db.orm, {
    ids,
    projectIds: nths.map(() => projectId),
    userIds: nths.map((nth) => (nth === 0 ? rareUser.userId : `user-${nth % users}`)),
    priorities: nths.map(() => "normal"),
    statuses: nths.map(() => "sent"),
    channels: nths.map(() => null),
    titles: nths.map((nth) => `notification ${nth}`),
    bodies: nths.map(() => "It works."),
    data: nths.map(() => null),
    metadata: nths.map(() => null),
    sendAt: nths.map(() => null),
    expiresAt: nths.map(() => null),
  });
  const [first, end] = [idFloor(startMs), idFloor(startMs + rowsADay)];
  await db.orm.execute(sql`
    insert into deliveries (notification_id, channel, project_id, user_id, status, tries, updated_at)
    select id, channel, project_id, user_id, 'sent', 0, now()
    from notifications, unnest(array['inbox', 'webhook']) as channel
    where id >= ${first}::uuid and id < ${end}::uuid`);
  await db.orm.execute(sql`
    insert into attempts (notification_id, id, channel, at, provider, outcome, answer)
    select id, id, 'webhook', now(), 'webhook', 'sent', 'HTTP 200'
    from notifications where id >= ${first}::uuid and id < ${end}::uuid`);
}

/** How the tables that grow were read so far: from one end to the other, and how many rows in all. */
async function reads(): Promise<{ scans: number; rows: number }> {
  await db.orm.execute(sql`select pg_stat_force_next_flush()`);
  const [row] = rowsOf<{ scans: number; rows: number }>(
    await db.orm.execute(sql`
      select sum(seq_scan)::int as scans, sum(seq_tup_read + idx_tup_fetch)::int as rows
      from pg_stat_user_tables where relname ~ '^(notifications|deliveries|attempts)_[0-9]{8}$'`),
  );
  return row ?? { scans: Number.NaN, rows: Number.NaN };
}

const hot: [name: string, run: (db: Database) => Promise<unknown>][] = [
  ["a notification by its id", ({ orm }) => getNotification(orm, { id: someId, projectId })],
  ["its deliveries and attempts", ({ orm }) => timelineOf(orm, someId)],
  [
    "the newest of a user's inbox",
    ({ orm }) => listInbox(orm, { ...someUser, archived: false, unreadOnly: false }, page),
  ],
  [
    "a later page of a user's inbox",
    ({ orm }) =>
      listInbox(orm, { ...someUser, archived: false, unreadOnly: true }, { ...page, olderThan: someId }),
  ],
  ["the badge of a user's inbox", ({ orm }) => countInbox(orm, someUser)],
  [
    "the newest notifications of a user",
    ({ orm }) => listNotifications(orm, { ...someUser, metadata: {} }, page),
  ],
  [
    "the few notifications of a user",
    ({ orm }) => listNotifications(orm, { ...rareUser, metadata: {} }, page),
  ],
  ["the badge of a user who got little", ({ orm }) => countInbox(orm, rareUser)],
  [
    "a later page of the notifications of a user",
    ({ orm }) => listNotifications(orm, { ...someUser, metadata: {} }, { ...page, olderThan: someId }),
  ],
  ["the newest notifications of all", ({ orm }) => listNotifications(orm, { projectId, metadata: {} }, page)],
  ["the dead letters", ({ orm }) => listDeliveries(orm, { projectId, status: "failed" }, page)],
  [
    "what is pending of a short while",
    ({ orm }) => pendingBetween(orm, { from: idFloor(todayMs), to: idFloor(todayMs + 100), limit: 100 }),
  ],
];

const runs = 6;
const rowsMax = 2 * users;

test.each(hot)("%s: found by an index that leads to few other rows", async (_, run) => {
  // Six times, since PostgreSQL plans a prepared statement anew for its first five runs.
  const before = await reads();
  for (let nth = 0; nth < runs; nth++) await run(db);
  const after = await reads();
  expect(after.scans - before.scans).toBe(0);
  expect((after.rows - before.rows) / runs).toBeLessThanOrEqual(rowsMax);
});

test("a question that no index answers is noticed by these very counts", async () => {
  const before = await reads();
  await db.orm.execute(sql`select count(*) from notifications where body = 'nobody wrote this'`);
  const after = await reads();
  expect(after.scans - before.scans).toBe(days);
  expect(after.rows - before.rows).toBe(days * rowsADay);
});
