/** The migration that builds an index, on a server where an older binary goes on writing. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { sql } from "drizzle-orm";
import { newId } from "../../db/id.ts";
import { migrate, newestVersion } from "../../db/migrate.ts";
import { ensurePartitions } from "../../db/partitions.ts";
import { insertNotifications } from "../../db/queries/notifications.ts";
import { rowsOf } from "../../db/statement.ts";
import { openPostgresDatabase } from "../../src/adapters/database-postgres.ts";
import type { Database } from "../../src/ports.ts";
import { postgresOptions, quiet } from "../adapters/postgres-options.ts";
import { testDatabase } from "../databases.ts";
import { eventually } from "../eventually.ts";
import { notificationColumns } from "./notification-columns.ts";

setDefaultTimeout(60_000);

const projectId = newId(Date.now());

const insertOne = (orm: Parameters<typeof insertNotifications>[0]) =>
  insertNotifications(
    orm,
    notificationColumns([newId(Date.now())], { projectId, metadata: ['{"order":42}'] }),
  );

/** As a binary of version 1 left it, and one that was cut off half way through version 2. */
async function undoHalf({ orm }: Database): Promise<void> {
  await orm.execute(sql`drop index notifications_metadata`);
  await orm.execute(sql`delete from schema_migrations where version >= 2`);
  await orm.execute(
    sql`create index notifications_metadata on only notifications using gin (metadata jsonb_path_ops)`,
  );
  await orm.execute(
    sql`create index notifications_default_metadata on notifications_default using gin (metadata jsonb_path_ops)`,
  );
}

test("two processes migrate at once, one half of it was done already, and writes never wait for long", async () => {
  await using own = await testDatabase();
  const open = () => openPostgresDatabase(postgresOptions(own.url), quiet);
  const [first, second] = [await open(), await open()];
  try {
    await migrate(first.orm);
    await ensurePartitions(first.orm, Date.now());
    await undoHalf(first);
    for (let nth = 0; nth < 100; nth++) await insertOne(first.orm);

    // A transaction that has written, and takes its time: neither the lock nor the index can be had before its end.
    const end = Promise.withResolvers<void>();
    const slow = first.transaction(async (tx) => {
      await insertOne(tx);
      await end.promise;
    });
    const migrations = Promise.all([migrate(first.orm), migrate(second.orm)]);
    await eventually(async () => {
      const [waits] = rowsOf<{ waits: boolean }>(
        await first.orm.execute(sql`
          select exists (select from pg_stat_activity where datname = current_database()
            and query like '%concurrently%' and query not like '%pg_stat_activity%' and wait_event_type = 'Lock') as waits`),
      );
      return waits?.waits;
    });
    let slowestMs = 0;
    for (let nth = 0; nth < 50; nth++) {
      const startedMs = performance.now();
      await insertOne(second.orm);
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    }
    expect(slowestMs).toBeLessThan(2000);
    end.resolve();
    await slow;
    const missing = Array.from({ length: newestVersion - 1 }, (_, nth) => nth + 2);
    expect((await migrations).flat()).toEqual(missing);

    const [index] = rowsOf<{ valid: boolean; partitions: number; attached: number }>(
      await first.orm.execute(sql`
        select (select indisvalid from pg_index where indexrelid = to_regclass('notifications_metadata')) as valid,
          (select count(*)::int from pg_inherits where inhparent = to_regclass('notifications')) as partitions,
          (select count(*)::int from pg_inherits where inhparent = to_regclass('notifications_metadata')) as attached`),
    );
    expect(index).toEqual({ valid: true, partitions: 4, attached: 4 });
  } finally {
    await first.close();
    await second.close();
  }
});
