/** A world whose old days go to a MongoDB of the test's own, on either database. */
import { afterEach, beforeEach, describe } from "bun:test";
import { sql } from "drizzle-orm";
import { rowsOf } from "../../db/statement.ts";
import { type ArchiveNeeds, archiveOldDays } from "../../src/pipeline/archive.ts";
import { iso } from "../../src/pipeline/time.ts";
import type { Archive } from "../../src/ports.ts";
import { type OwnDatabase, testDatabase } from "../databases.ts";
import type { TestMongo } from "../mongodb.ts";
import { hour } from "./clock.ts";
import { createWorld, type World } from "./world.ts";

export const hello = { to: "ana", title: "Hello", body: "It works." };
export const afterDays = 2;
export const retentionDays = 10;

let database: OwnDatabase | null = null;

export const worldOn = ({ url }: TestMongo, env: Record<string, string> = {}) =>
  createWorld({
    env: {
      ...env,
      ...(database === null ? {} : { DATABASE_URL: database.url }),
      MONGODB_URL: url,
      ARCHIVE_AFTER_DAYS: String(afterDays),
      RETENTION_DAYS: String(retentionDays),
      RETRY_SCHEDULE: "1s",
    },
  });

export function needsOf({ app }: World, changes: Partial<Archive> = {}): ArchiveNeeds {
  if (app.archive === null) throw new Error("this world has no archive");
  const { db, telemetry, archiveTelemetry } = app;
  const archive = { ...app.archive, ...changes };
  const { signal } = new AbortController();
  return { db, archive, telemetry, archiveTelemetry, archiveAfterDays: afterDays, retentionDays, signal };
}

export const archiveNow = (world: World, changes?: Partial<Archive>) =>
  archiveOldDays(needsOf(world, changes), world.clock.now());

/** How many rows the database has of what grows, and the days it has tables for. */
export async function kept({ app }: World): Promise<{ rows: number; days: string[] }> {
  const count = sql`select ((select count(*) from notifications) + (select count(*) from deliveries)
    + (select count(*) from attempts))::int as rows`;
  const names = sql`select right(relname, 8) as day from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = 'notifications'::regclass and relname ~ '_[0-9]{8}$' order by relname`;
  const [counted] = rowsOf<{ rows: number }>(await app.db.orm.execute(count));
  const days = rowsOf<{ day: string }>(await app.db.orm.execute(names)).map((row) => row.day);
  return { rows: counted?.rows ?? Number.NaN, days };
}

export const get = (world: World, id: string) => world.client.call("GET", `/v1/notifications/${id}`);

/** Of each kind that can be closed, one; all of the first day. */
export async function sendAll(world: World): Promise<string[]> {
  const { client, clock, receivers } = world;
  const { url } = receivers.http;
  const to = { user_id: "ana", webhook_url: url, email: "ana@example.com" };
  const label = { metadata: { order: 42, "a.b": "x" }, data: { z: 1, a: { $set: [1.5, null] } } };
  const sent = await client.send({ ...hello, ...label, to, channels: ["inbox", "webhook"] });
  await world.delivery(sent, "webhook", "sent");
  const skipped = await client.send({ ...hello, to: "nobody", channels: ["sms"] });
  await world.delivery(skipped, "sms", "skipped");
  const cancelled = await client.send({ ...hello, send_at: iso(clock.now() + hour) });
  await client.call("POST", `/v1/notifications/${cancelled}/cancel`);
  await client.call("PATCH", `/v1/users/ana/inbox/${sent}`, { read: true });
  return [sent, skipped, cancelled];
}

/** Declares the tests twice: for notifications in the embedded database, and in PostgreSQL. */
export function onEitherDatabase(tests: () => void): void {
  describe.each(["the embedded database", "PostgreSQL"])("on %s", (kind) => {
    beforeEach(async () => {
      database = kind === "PostgreSQL" ? await testDatabase() : null;
    });
    afterEach(() => database?.[Symbol.asyncDispose]());
    tests();
  });
}
