/** What a service of the previous schema left behind, an upgraded one serves and goes on with. */
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { newId } from "../../db/id.ts";
import { newestVersion, schemaVersion } from "../../db/migrate.ts";
import { applyOutside, commandsOf, isOutside } from "../../db/migration-outside.ts";
import { ensurePartitions } from "../../db/partitions.ts";
import type { Drizzle } from "../../db/statement.ts";
import { openDataFolder } from "../../src/adapters/data-folder.ts";
import { openPgliteDatabase } from "../../src/adapters/database-pglite.ts";
import { openPostgresDatabase } from "../../src/adapters/database-postgres.ts";
import { defaultProject } from "../../src/pipeline/keys.ts";
import { postgresOptions, quiet } from "../adapters/postgres-options.ts";
import { eventually } from "../eventually.ts";
import { startService } from "../process.ts";
import { openStack, type Stack } from "../stacks.ts";
import { tempFolder } from "../temp-folder.ts";
import { createClient, type ListedDelivery } from "./client.ts";
import { arrivals, startReceivers } from "./receivers.ts";

const previousVersion = newestVersion - 1;
const migrations = join(import.meta.dir, "../../db/migrations");

test.each(["embedded", "PostgreSQL"] as const)(
  "on %s, data of the previous schema is served, sent and replayed after the upgrade",
  async (name) => {
    await using folder = tempFolder();
    await using stack = await openStack(name);
    await using receivers = await startReceivers();
    const { http } = receivers;
    const ids = { scheduled: newId(Date.now()), dead: newId(Date.now()), read: newId(Date.now()) };
    await onDatabase(stack, async (orm) => {
      await migrateToPrevious(orm);
      await ensurePartitions(orm, Date.now());
      for (const text of rowsOfPrevious(ids, http.url)) await orm.execute(sql.raw(text));
    });

    const service = startService({ cwd: folder.path, env: { ...stack.env, ...receivers.env } });
    await service.ready;
    const client = createClient({ url: service.url, key: service.adminKey });
    expect(await client.all("/v1/users/ana/inbox")).toMatchObject([{ title: "Read" }]);
    expect((await client.notification(ids.dead)).deliveries).toMatchObject([
      { status: "failed", attempts: [{ provider: "webhook", outcome: "failed", answer: "500" }] },
    ]);
    const [letter] = await client.all<ListedDelivery>("/v1/deliveries?status=failed");
    expect(await client.call("POST", `/v1/deliveries/${letter?.id}/replay`)).toMatchObject({ status: 202 });
    await http.waitFor(2);
    expect(arrivals(http.received)).toEqual(
      new Map([
        [ids.scheduled, 1],
        [ids.dead, 1],
      ]),
    );
    for (const id of [ids.scheduled, ids.dead]) {
      await eventually(async () => (await client.notification(id)).status === "sent");
    }
    service.kill("SIGTERM");
    expect(await service.exited).toBe(0);
    await onDatabase(stack, async (orm) => expect(await schemaVersion(orm)).toBe(newestVersion));
  },
  60_000,
);

async function onDatabase({ env }: Stack, use: (orm: Drizzle) => Promise<void>): Promise<void> {
  if (env.DATABASE_URL !== undefined) {
    const db = await openPostgresDatabase(postgresOptions(env.DATABASE_URL), quiet);
    return use(db.orm).finally(db.close);
  }
  const data = openDataFolder(env.DATA_DIR ?? "");
  const db = await openPgliteDatabase(data);
  await use(db.orm);
  data.markComplete(await schemaVersion(db.orm));
  await db.close();
  data.release();
}

/** As a binary did that knew of no more. */
async function migrateToPrevious(orm: Drizzle): Promise<void> {
  await orm.execute(sql`
    create table schema_migrations (version int primary key, applied_at timestamptz not null default now())`);
  for (const file of readdirSync(migrations).sort().slice(0, previousVersion)) {
    const text = await Bun.file(join(migrations, file)).text();
    if (isOutside(text)) await applyOutside(orm, text);
    else for (const command of commandsOf(text)) await orm.execute(sql.raw(command));
    await orm.execute(sql`insert into schema_migrations (version) values (${Number.parseInt(file, 10)})`);
  }
}

/** One is due, one is dead, one stands in the inbox. */
function rowsOfPrevious(ids: Record<"scheduled" | "dead" | "read", string>, url: string): string[] {
  const project = newId(Date.now());
  const notification = (id: string, status: string, title: string, channels: string) =>
    `insert into notifications (id, project_id, user_id, priority, status, channels, title, body, send_at)
     values ('${id}', '${project}', 'ana', 'normal', '${status}', '${channels}', '${title}', 'Hello.',
       ${status === "scheduled" ? "now()" : "null"})`;
  const delivery = (id: string, channel: string, status: string) =>
    `insert into deliveries (notification_id, channel, project_id, user_id, status, tries, updated_at)
     values ('${id}', '${channel}', '${project}', 'ana', '${status}', 1, now())`;
  return [
    `insert into projects values ('${project}', '${defaultProject}', 'live')`,
    `insert into users (project_id, id, webhook_url, created_at, updated_at)
     values ('${project}', 'ana', '${url}', now(), now())`,
    notification(ids.scheduled, "scheduled", "Due", "webhook"),
    `insert into due values ('${ids.scheduled}', '', 'normal', now(), false)`,
    notification(ids.dead, "failed", "Dead", "webhook"),
    delivery(ids.dead, "webhook", "failed"),
    `insert into attempts values
     ('${ids.dead}', '${newId(Date.now())}', 'webhook', now(), 'webhook', 'failed', '500')`,
    `insert into dead_letters values ('${project}', '${ids.dead}', 'webhook')`,
    notification(ids.read, "sent", "Read", "inbox"),
    delivery(ids.read, "inbox", "sent"),
  ];
}
