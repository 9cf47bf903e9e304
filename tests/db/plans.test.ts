/** The hot queries on a table with some ten thousand rows: each finds its rows by an index. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { sql } from "drizzle-orm";
import { idFloor, newId } from "../../db/id.ts";
import { migrate } from "../../db/migrate.ts";
import { ensurePartitions } from "../../db/partitions.ts";
import { insertNotifications } from "../../db/queries/notifications.ts";
import type { Database } from "../../src/ports.ts";
import type { TestDatabase } from "../adapters/database-counters.ts";
import { pgliteDatabase } from "../adapters/pglite-database.ts";
import { hotQueriesContract } from "./hot-queries.contract.ts";
import { newWorld, readsOf } from "./hot-queries.ts";
import { notificationColumns } from "./notification-columns.ts";

setDefaultTimeout(30_000);

const dayMs = 86_400_000;
const world = newWorld();
const { projectId, todayMs } = world;
const days = 3;
const rowsADay = 10_000;
const users = 200;

let own: TestDatabase;
let db: Database;

beforeAll(async () => {
  own = await pgliteDatabase();
  db = own.db;
  await migrate(db.orm);
  await ensurePartitions(db.orm, todayMs);
  await db.orm.execute(sql`insert into projects values (${projectId}, 'default', 'live')`);
  for (let day = 0; day < days; day++) await fillDay(todayMs + day * dayMs);
  await db.maintain();
});

afterAll(() => own[Symbol.asyncDispose]());

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

hotQueriesContract(world, () => db, 2 * users);

test("a question that no index answers is noticed by these very counts", async () => {
  const before = await readsOf(db);
  await db.orm.execute(sql`select count(*) from notifications where body = 'nobody wrote this'`);
  const after = await readsOf(db);
  expect(after.scans - before.scans).toBe(days);
  expect(after.rows - before.rows).toBe(days * rowsADay);
});
