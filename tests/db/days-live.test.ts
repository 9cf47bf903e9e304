/** Days are made and dropped on a server where somebody reads for long and others go on writing. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { sql } from "drizzle-orm";
import { newId } from "../../db/id.ts";
import { migrate } from "../../db/migrate.ts";
import { dropOldPartitions, ensurePartitions } from "../../db/partitions.ts";
import { dayMs, readPartitions } from "../../db/periods.ts";
import { replayDelivery } from "../../db/queries/deliveries.ts";
import { insertNotifications, pendingBetween } from "../../db/queries/notifications.ts";
import { rowsOf } from "../../db/statement.ts";
import { openPostgresDatabase } from "../../src/adapters/database-postgres.ts";
import type { Database } from "../../src/ports.ts";
import { postgresOptions, quiet } from "../adapters/postgres-options.ts";
import { testDatabase } from "../databases.ts";
import { eventually } from "../eventually.ts";
import { notificationColumns } from "./notification-columns.ts";

setDefaultTimeout(60_000);

const projectId = newId(Date.now());
const settledBefore = "ffffffff-ffff-ffff-ffff-ffffffffffff";
/** What a write may take beside the making and dropping, on a busy machine; a statement is cancelled after 8 s. */
const writeMaxMs = 2000;

const insertAt = (orm: Database["orm"], ms: number) =>
  insertNotifications(orm, notificationColumns([newId(ms)], { projectId }));

/** How many days each table has, the same for all. */
async function daysOf({ orm }: Database): Promise<number> {
  const partitions = await readPartitions(orm);
  const days = new Set(partitions.map(({ fromMs }) => fromMs));
  expect(partitions).toHaveLength(3 * days.size);
  return days.size;
}

/** Does `work`, while one row after the other is written and read; gives how long the slowest took, in milliseconds. */
async function besideWrites(db: Database, nowMs: number, work: () => Promise<unknown>): Promise<number> {
  let slowestMs = 0;
  let over = false;
  const done = work().finally(() => {
    over = true;
  });
  while (!over) {
    const startedMs = performance.now();
    await insertAt(db.orm, nowMs);
    await pendingBetween(db.orm, { from: newId(nowMs), to: settledBefore, limit: 1 });
    slowestMs = Math.max(slowestMs, performance.now() - startedMs);
  }
  await done;
  return slowestMs;
}

test("while somebody reads, writes go on beside the making and dropping of days; both are done once he has read", async () => {
  await using own = await testDatabase();
  const options = postgresOptions(own.url, { databaseStatementTimeoutMs: 8000 });
  const db = await openPostgresDatabase(options, quiet);
  const todayMs = Math.floor(Date.now() / dayMs) * dayMs;
  try {
    await migrate(db.orm);
    expect(await ensurePartitions(db.orm, todayMs)).toBe(9);
    for (let nth = 0; nth < 20; nth++) await insertAt(db.orm, todayMs + nth);

    const reader = db.cursorQuery(sql`select id from notifications`, "id", 5)[Symbol.asyncIterator]();
    await reader.next();
    const later = { nowMs: todayMs + 10 * dayMs, retentionDays: 9, settledBefore };
    let made = 0;
    let dropped: string[] = [];
    const slowestMs = await besideWrites(db, todayMs + 1000, async () => {
      made = await ensurePartitions(db.orm, todayMs + dayMs);
      dropped = await dropOldPartitions(db.orm, later);
    });
    expect(slowestMs).toBeLessThan(writeMaxMs);
    expect(made).toBe(2); // Of the tables that nobody reads.
    expect(dropped.filter((name) => name.startsWith("notifications"))).toEqual([]);

    await reader.return?.();
    await ensurePartitions(db.orm, todayMs + dayMs);
    expect(await daysOf(db)).toBe(4);
    await dropOldPartitions(db.orm, later);
    expect(await daysOf(db)).toBe(3);
  } finally {
    await db.close();
  }
});

/** Resolves once so many connections to this database wait for a lock, or `work` has ended: its wait is bounded. */
async function waiting({ orm }: Database, connections: number, work: Promise<unknown>): Promise<void> {
  let over = false;
  const end = () => {
    over = true;
  };
  work.then(end, end);
  const waiters = sql`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  const atOnce = { intervalMs: 0 };
  await eventually(async () => over || rowsOf(await orm.execute(waiters)).length >= connections, atOnce);
}

test("what is replayed while its day is about to be dropped is kept", async () => {
  await using own = await testDatabase();
  const db = await openPostgresDatabase(postgresOptions(own.url), quiet);
  const oldMs = Math.floor(Date.now() / dayMs) * dayMs - 10 * dayMs;
  const id = newId(oldMs);
  try {
    await migrate(db.orm);
    await ensurePartitions(db.orm, oldMs);
    await insertAt(db.orm, oldMs);
    await insertNotifications(db.orm, notificationColumns([id], { projectId, statuses: ["failed"] }));
    await db.orm.execute(sql`
      insert into deliveries (notification_id, channel, project_id, user_id, status, tries, updated_at)
      values (${id}::uuid, 'email', ${projectId}::uuid, 'ana', 'failed', 1, now())`);
    await db.orm.execute(sql`insert into dead_letters values (${projectId}::uuid, ${id}::uuid, 'email')`);

    const drop = () =>
      dropOldPartitions(db.orm, { nowMs: oldMs + 2 * dayMs, retentionDays: 1, settledBefore });
    const dropped = await db.transaction(async (tx) => {
      const replay = { projectId, notificationId: id, channel: "email", now: new Date().toISOString() };
      expect(await replayDelivery(tx, replay)).toHaveLength(1);
      const dropping = drop();
      await waiting(db, 1, dropping);
      return { dropping };
    });

    expect(await dropped.dropping).toEqual([]);
    expect(await drop()).toEqual([]);
    expect(
      await db.orm.execute(sql`select from due join notifications on id = notification_id`),
    ).toHaveLength(1);
    expect(await db.orm.execute(sql`select from dead_letters`)).toHaveLength(0);
  } finally {
    await db.close();
  }
});

test("what is written while the partition of its day is made is stored, though its day had none", async () => {
  await using own = await testDatabase();
  const db = await openPostgresDatabase(postgresOptions(own.url), quiet);
  const nowMs = Date.now();
  const count = 3;
  try {
    await migrate(db.orm);
    await insertAt(db.orm, nowMs);
    const { made, stored } = await db.transaction(async (tx) => {
      await tx.execute(sql`lock table notifications_default in access share mode`);
      const made = ensurePartitions(db.orm, nowMs);
      await waiting(db, 1, made);
      const stored = Promise.allSettled(Array.from({ length: count }, () => insertAt(db.orm, nowMs)));
      await waiting(db, 1 + count, made);
      return { made, stored };
    });

    expect((await stored).map(({ status }) => status)).toEqual(Array(count).fill("fulfilled"));
    await made;
    await ensurePartitions(db.orm, nowMs);
    expect(await daysOf(db)).toBe(3);
    expect(await db.orm.execute(sql`select from notifications_default`)).toHaveLength(0);
    expect(await db.orm.execute(sql`select from notifications`)).toHaveLength(1 + count);
  } finally {
    await db.close();
  }
});

test("many processes that start at once make the same days, and no row stays outside of its day", async () => {
  await using own = await testDatabase();
  const open = () => openPostgresDatabase(postgresOptions(own.url), quiet);
  const all = await Promise.all([open(), open(), open()]);
  const [db] = all;
  const nowMs = Date.now();
  try {
    await migrate(db.orm);
    await insertAt(db.orm, nowMs);
    const made = await Promise.all(
      all.map(async ({ orm }) => {
        const count = await ensurePartitions(orm, nowMs);
        await insertAt(orm, nowMs);
        return count;
      }),
    );
    expect(made.reduce((sum, count) => sum + count)).toBe(9);
    expect(await daysOf(db)).toBe(3);
    expect(await db.orm.execute(sql`select from notifications_default`)).toHaveLength(0);
    expect(await db.orm.execute(sql`select from notifications`)).toHaveLength(4);
  } finally {
    await Promise.all(all.map((one) => one.close()));
  }
});
