/**
 * The lead of the sweep saves work and guards nothing: two that do all of it at the same time do no harm. So it is wherever
 * processes share a database and no Redis, where each leads.
 */
import { expect, test } from "bun:test";
import { type SQL, sql } from "drizzle-orm";
import { dayMs, readPartitions } from "../../db/periods.ts";
import { rowsOf } from "../../db/statement.ts";
import { createAccept } from "../../src/pipeline/accept.ts";
import { createLeadership } from "../../src/pipeline/leadership.ts";
import { iso } from "../../src/pipeline/time.ts";
import { testDatabase } from "../databases.ts";
import { eventually } from "../eventually.ts";
import { arrivals } from "../process/receivers.ts";
import { day, minute } from "./clock.ts";
import { aNotification, projectOf } from "./rows.ts";
import { createWorld, type World } from "./world.ts";

const retentionDays = 5;
const pending = 200;
const expiredKeys = 25_000;
const validKeys = 10;

test("two that lead at the same time send each pending notification once, and forget and drop what is old", async () => {
  await using database = await testDatabase();
  const env = { DATABASE_URL: database.url, RETENTION_DAYS: String(retentionDays) };
  await using here = await createWorld({ env });
  await using there = await createWorld({ env });
  const worlds = [here, there];
  const step = (ms: number) => worlds.map(({ clock }) => clock.step(ms));
  const sweepBoth = () => Promise.all(worlds.map((world) => world.sweep()));

  for (const { app } of worlds) expect(await createLeadership(app, "sweep").hold()).toBeNull(); // The app leads.
  const ids = await leavePending(here);
  await rememberKeys(here);
  const startedMs = here.clock.now();
  step(here.app.config.pendingGraceMs + minute);
  const arrived = () => arrivals(here.receivers.http.received);
  await eventually(async () => {
    await sweepBoth();
    return arrived().size === pending && (await keysOf(here)) === validKeys;
  });
  await eventually(async () => (await openOf(here)) === 0);
  expect([...arrived()].sort()).toEqual(ids.sort().map((id) => [id, 1]));

  for (let round = 1; round <= retentionDays + 2; round += 1) {
    step(day);
    await sweepBoth();
  }
  const days = new Set((await readPartitions(here.app.db.orm)).map(({ fromMs }) => fromMs / dayMs));
  expect(days).not.toContain(Math.floor(startedMs / dayMs));
  expect(days).toContain(Math.floor(here.clock.now() / dayMs));
});

/** Notifications that are accepted and that no event log carries. */
async function leavePending(world: World): Promise<string[]> {
  const { app, clock, receivers } = world;
  const projectId = await projectOf(world);
  const webhookUrl = receivers.http.url;
  const profile = {
    id: "ana",
    email: null,
    phone: null,
    name: null,
    locale: null,
    timezone: null,
    webhookUrl,
  };
  const notifications = Array.from({ length: pending }, () =>
    aNotification({ projectId, nowMs: clock.now(), profile, channels: ["webhook"] }),
  );
  const log = { ...app.log, publishBuffered: async () => 0 };
  await createAccept({ ...app, ...app.config, log }).submit({ notifications, idempotency: null });
  return notifications.map(({ id }) => id);
}

async function rememberKeys({ app, clock }: World): Promise<void> {
  for (const [count, ageMs] of [
    [expiredKeys, day],
    [validKeys, 0],
  ] as const) {
    await app.db.orm.execute(sql`
      insert into idempotency_keys (project_id, key, request_hash, response, created_at)
      select gen_random_uuid(), nth::text, 'hash', '{}', ${iso(clock.now() - ageMs)}::timestamptz
      from generate_series(1, ${count}::int) as nth`);
  }
}

const keysOf = (world: World) => countOf(world, sql`select count(*)::int as count from idempotency_keys`);
const openOf = (world: World) =>
  countOf(world, sql`select count(*)::int as count from notifications where status <> 'sent'`);

async function countOf({ app }: World, query: SQL): Promise<number> {
  const [row] = rowsOf<{ count: number }>(await app.db.orm.execute(query));
  return row?.count ?? Number.NaN;
}
