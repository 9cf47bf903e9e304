/** What keeps the embedded database in shape, where no server does so by itself. */
import { expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { newId } from "../../db/id.ts";
import { migrate } from "../../db/migrate.ts";
import { ensurePartitions, suffixOf } from "../../db/partitions.ts";
import { insertNotifications } from "../../db/queries/notifications.ts";
import { rowsOf } from "../../db/statement.ts";
import { pgliteDatabase } from "../adapters/pglite-database.ts";
import { newWorld } from "./hot-queries.ts";
import { notificationColumns } from "./notification-columns.ts";

test("statistics are refreshed of the days that changed, and of no other", async () => {
  await using opened = await pgliteDatabase();
  const { db } = opened;
  const { projectId, todayMs } = newWorld();
  await migrate(db.orm);
  await ensurePartitions(db.orm, todayMs);
  await db.orm.execute(sql`insert into projects values (${projectId}, 'default', 'live')`);
  const today = `notifications_${suffixOf(todayMs)}`;
  const tomorrow = `notifications_${suffixOf(todayMs + 86_400_000)}`;
  const insert = (rows: number) => {
    const ids = Array.from({ length: rows }, (_, nth) => newId(todayMs + nth));
    return insertNotifications(db.orm, notificationColumns(ids, { projectId }));
  };
  const timesAnalyzed = async (table: string) =>
    rowsOf<{ times: number }>(
      await db.orm.execute(
        sql`select analyze_count::int as times from pg_stat_user_tables where relname = ${table}`,
      ),
    )[0]?.times;
  const knownRows = async (table: string) =>
    rowsOf<{ rows: number }>(
      await db.orm.execute(sql`select reltuples::int as rows from pg_class where relname = ${table}`),
    )[0]?.rows;

  await insert(100);
  await db.maintain();
  const before = [await timesAnalyzed(today), await timesAnalyzed(tomorrow)];
  expect([await knownRows(today), await knownRows("notifications")]).toEqual([100, 100]);
  await insert(50);
  await db.maintain();

  expect([await knownRows(today), await knownRows("notifications")]).toEqual([150, 150]);
  expect([await timesAnalyzed(today), await timesAnalyzed(tomorrow)]).toEqual([
    (before[0] ?? 0) + 1,
    before[1],
  ]);
});
