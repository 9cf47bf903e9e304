/** The hot queries on a server with a million notifications: each finds its rows by an index. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { sql } from "drizzle-orm";
import { explainQuery } from "../../db/explain.ts";
import { idFloor, newId } from "../../db/id.ts";
import { migrate } from "../../db/migrate.ts";
import { ensurePartitions, suffixOf } from "../../db/partitions.ts";
import "../../db/queries/claims.ts";
import "../../db/queries/deliveries.ts";
import { takeDueDeliveries } from "../../db/queries/due.ts";
import { listNotifications } from "../../db/queries/notifications.ts";
import "../../db/queries/outcomes.ts";
import { rowsOf } from "../../db/statement.ts";
import { openPostgresDatabase } from "../../src/adapters/database-postgres.ts";
import type { Database } from "../../src/ports.ts";
import { postgresOptions, quiet } from "../adapters/postgres-options.ts";
import { type OwnDatabase, testDatabase } from "../databases.ts";
import { hotQueriesContract } from "./hot-queries.contract.ts";
import { hotQueries, newWorld, readsOf } from "./hot-queries.ts";

setDefaultTimeout(90_000);

const dayMs = 86_400_000;
const world = newWorld();
const { projectId, todayMs } = world;
const days = 3;
const rows = 1_000_000;
const users = 5000;
/** Rows that a page of 20 of a user with 200 notifications may cost. */
const rowsMax = 1000;

let own: OwnDatabase;
let db: Database;

beforeAll(async () => {
  own = await testDatabase();
  // One connection, since each of the server's processes keeps its counts to itself for a while.
  const options = { databasePoolMax: 1, databaseStatementTimeoutMs: 80_000 };
  db = await openPostgresDatabase(postgresOptions(own.url, options), quiet);
  await prepare();
  await ensurePartitions(db.orm, todayMs);
  await db.orm.execute(sql`insert into projects values (${projectId}, 'default', 'live')`);
  await fill();
  const [some] = rowsOf<{ id: string }>(
    await db.orm.execute(sql`
      select id from notifications where user_id = 'user-17' order by id offset 100 limit 1`),
  );
  world.someId = some?.id ?? "";
});

afterAll(async () => {
  await db.close();
  await own[Symbol.asyncDispose]();
});

/** Migrating needs a second connection. */
async function prepare(): Promise<void> {
  const wide = await openPostgresDatabase(postgresOptions(own.url), quiet);
  await migrate(wide.orm);
  await wide.close();
}

/** Deliveries for every other user, or it would take a minute. Ids a quarter of a second, over the days; one in ten is still under way, one in a thousand has a label of its own. */
async function fill(): Promise<void> {
  const stepMs = Math.floor((days * dayMs - 11 * 3_600_000) / rows);
  await db.transaction(async (tx) => {
    await tx.execute(sql`set local synchronous_commit = off`);
    await tx.execute(sql`
      insert into notifications (id, project_id, user_id, priority, status, title, body, metadata)
      select (lpad(to_hex(${todayMs}::bigint + nth * ${stepMs}::bigint), 12, '0') || '7000800000000000' || lpad(to_hex(nth % 65536), 4, '0'))::uuid,
        ${projectId}::uuid, case when nth % 400000 = 7 then 'rare' else 'user-' || nth % ${users}::int end, 'normal',
        case when nth % 10 = 0 then 'pending' else 'sent' end, 'Shipped', 'It is on its way.',
        case when nth % 1000 = 1 then jsonb_build_object('order', nth) end
      from generate_series(0, ${rows - 1}::int) as nth`);
    await tx.execute(sql`
      insert into deliveries (notification_id, channel, project_id, user_id, status, tries, updated_at)
      select id, 'inbox', project_id, user_id, 'sent', 0, now() from notifications where user_id < 'user-3'`);
    await tx.execute(sql`
      insert into attempts (notification_id, id, channel, at, provider, outcome, answer)
      select id, id, 'webhook', now(), 'webhook', 'sent', 'HTTP 200' from notifications where status = 'pending'`);
  });
  await db.orm.execute(sql`analyze notifications, deliveries, attempts`);
}

hotQueriesContract(world, () => db, rowsMax);

test("a label: found by its own index, though every user has others", async () => {
  const before = await readsOf(db);
  const found = await listNotifications(db.orm, { projectId, metadata: { order: "500001" } }, { limit: 20 });
  const after = await readsOf(db);
  expect(found).toHaveLength(1);
  expect(after.scans - before.scans).toBe(0);
  expect(after.rows - before.rows).toBeLessThanOrEqual(20);
});

test("what is prepared keeps one plan, and what is built for the occasion gets its own", async () => {
  await hotQueries.at(0)?.[1](db, world);
  const filter = { projectId, status: "pending", metadata: {} };
  await listNotifications(db.orm, filter, { limit: 20 });
  const kept = await db.orm.execute(sql`
    select sum(custom_plans)::int as planned, sum(generic_plans)::int > 0 as kept from pg_prepared_statements
    where statement like '%from "notifications" where ("notifications"."id" = %'`);
  expect(rowsOf<object>(kept)).toEqual([{ planned: 0, kept: true }]);
  const built = await db.orm.execute(
    sql`select current_setting('plan_cache_mode') as mode where ${1}::int = 1`,
  );
  expect(rowsOf<object>(built)).toEqual([{ mode: "force_custom_plan" }]);
});

test.each([
  ["getNotificationById", "notifications", "_pkey"],
  ["deliveriesOfNotification", "deliveries", "_pkey"],
  ["attemptsOfNotification", "attempts", "_pkey"],
  ["listUserNotifications", "notifications", "_project_id_user_id_id_idx"],
  ["listUserNotificationsOlder", "notifications", "_project_id_user_id_id_idx"],
  ["listInbox", "deliveries", "_project_id_user_id_notification_id_idx"],
  ["countInbox", "deliveries", "_project_id_user_id_notification_id_idx"],
  ["pendingBetween", "notifications", "_pkey"],
  ["insertPlans", "notifications", "_pkey"],
  ["insertPlansToSend", "notifications", "_pkey"],
  ["claimDeliveries", "deliveries", "_pkey"],
  ["messagesToSend", "notifications", "_pkey"],
  ["messagesToSend", "deliveries", "_pkey"],
  ["recordSent", "deliveries", "_pkey"],
  ["recordSent", "notifications", "_pkey"],
  ["recordOutcomes", "deliveries", "_pkey"],
  ["closeNotifications", "deliveries", "_pkey"],
])("the plan that the prepared %s settles on reads %s by an index", async (name, table, index) => {
  const plan = (await explainQuery(db.orm, name)).join("\n");
  expect(plan).toMatch(new RegExp(`using ${table}_[0-9]{8}${index}|on ${table}_[0-9]{8}${index}`));
  expect(plan).not.toMatch(new RegExp(`Seq Scan on ${table}_[0-9]{8}`));
});

test.each([
  "claimDeliveries",
  "messagesToSend",
  "recordSent",
  "releaseWaiting",
  "takeDueDeliveries",
  "unclaimDeliveries",
])("the plan of %s does not compare each row of a batch with each other", async (name) => {
  expect((await explainQuery(db.orm, name)).join("\n")).not.toContain("Join Filter");
});

test("deliveries that are due are looked up on their own days alone", async () => {
  const [middle] = rowsOf<{ id: string }>(
    await db.orm.execute(sql`
      select notification_id as id from deliveries where notification_id >= ${idFloor(todayMs + dayMs)}::uuid
      order by notification_id limit 1`),
  );
  const id = middle?.id ?? "";
  const at = new Date(todayMs).toISOString();
  await db.orm.execute(
    sql`insert into due values (${id}::uuid, 'webhook', 'normal', ${at}::timestamptz, false)`,
  );
  const before = await lookedUpDays();
  for (let nth = 0; nth < 6; nth++) {
    const taken = await takeDueDeliveries(db.orm, {
      channel: "webhook",
      priority: "normal",
      provider: "webhook",
      now: at,
      leaseUntil: at, // So that the next run takes it again.
      limit: 500,
      attemptId: newId(todayMs),
      answer: "the process stopped",
    });
    expect(taken).toEqual([{ notification_id: id }]);
  }
  const after = await lookedUpDays();
  const more = [...after].filter(([day, scans]) => scans > (before.get(day) ?? 0)).map(([day]) => day);
  expect(more).toEqual([suffixOf(todayMs + dayMs)]);
});

/** How often each day of the deliveries was looked into by an index. */
async function lookedUpDays(): Promise<Map<string, number>> {
  await db.orm.execute(sql`select pg_stat_force_next_flush()`);
  const rows = rowsOf<{ day: string; scans: number }>(
    await db.orm.execute(sql`
      select right(relname, 8) as day, idx_scan::int as scans from pg_stat_user_tables
      where relname ~ '^deliveries_'`),
  );
  return new Map(rows.map(({ day, scans }) => [day, scans]));
}

test("what no index answers is noticed by these very counts", async () => {
  const before = await readsOf(db);
  await db.orm.execute(sql`
    select count(*) from notifications where body = 'nobody wrote this' and id >= ${idFloor(todayMs)}::uuid`);
  const after = await readsOf(db);
  expect(after.rows - before.rows).toBeGreaterThanOrEqual(rows);
});
