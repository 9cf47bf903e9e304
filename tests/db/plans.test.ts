/** The hot queries on a table with some ten thousand rows: each finds its rows by an index. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { sql } from "drizzle-orm";
import { idFloor, newId } from "../../db/id.ts";
import { migrate } from "../../db/migrate.ts";
import { ensurePartitions } from "../../db/partitions.ts";
import { insertNotifications } from "../../db/queries/notifications.ts";
import { type DataFolder, openDataFolder } from "../../src/adapters/data-folder.ts";
import { openPgliteDatabase } from "../../src/adapters/database-pglite.ts";
import type { Database } from "../../src/ports.ts";
import { type TempFolder, tempFolder } from "../temp-folder.ts";
import { hotQueries, readsOf } from "./hot-queries.ts";
import { notificationColumns } from "./notification-columns.ts";

setDefaultTimeout(30_000);

const dayMs = 86_400_000;
const todayMs = Date.parse("2026-03-02T10:00:00Z");
const days = 3;
const rowsADay = 10_000;
const users = 200;
const projectId = newId(todayMs);
const world = {
  projectId,
  someId: "",
  someUser: { projectId, userId: "user-17" },
  rareUser: { projectId, userId: "rare" },
  todayMs,
};

let temp: TempFolder;
let folder: DataFolder;
let db: Database;

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
  world.someId = ids[rowsADay / 2] ?? "";
  await insertNotifications(
    db.orm,
    notificationColumns(ids, {
      projectId,
      userIds: nths.map((nth) => (nth === 0 ? world.rareUser.userId : `user-${nth % users}`)),
      statuses: nths.map(() => "sent"),
    }),
  );
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

const runs = 6;
const rowsMax = 2 * users;

test.each(hotQueries)("%s: found by an index that leads to few other rows", async (_, run) => {
  // Six times, since PostgreSQL plans a prepared statement anew for its first five runs.
  const before = await readsOf(db);
  for (let nth = 0; nth < runs; nth++) await run(db, world);
  const after = await readsOf(db);
  expect(after.scans - before.scans).toBe(0);
  expect((after.rows - before.rows) / runs).toBeLessThanOrEqual(rowsMax);
});

test("a question that no index answers is noticed by these very counts", async () => {
  const before = await readsOf(db);
  await db.orm.execute(sql`select count(*) from notifications where body = 'nobody wrote this'`);
  const after = await readsOf(db);
  expect(after.scans - before.scans).toBe(days);
  expect(after.rows - before.rows).toBe(days * rowsADay);
});
