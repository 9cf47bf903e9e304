/** What goes wrong in a database is caused, found by doctor, and cured as docs/runbook.md says. */
import { expect, test } from "bun:test";
import net from "node:net";
import postgres from "postgres";
import { newestVersion } from "../../db/migrate.ts";
import { carillon } from "../command-line.ts";
import { onServer, testDatabase } from "../databases.ts";
import { eventually } from "../eventually.ts";
import { webhooksToHere } from "../http/service.ts";
import type { Service } from "../process.ts";
import { startPostgres } from "../services/own-server.ts";
import { tempFolder } from "../temp-folder.ts";
import { cureOf, runCureOf } from "./page.ts";
import { doctorFor, openWard } from "./ward.ts";

const testTimeoutMs = 90_000;

/** An export that is asked for, and read by nobody. */
function unread({ url, adminKey }: Service): net.Socket {
  const { hostname, port } = new URL(url);
  const head = [
    "GET /v1/notifications/export HTTP/1.1",
    "Host: carillon",
    `Authorization: Bearer ${adminKey}`,
  ];
  const socket = net.connect(Number(port), hostname, () => socket.write(`${head.join("\r\n")}\r\n\r\n`));
  return socket.pause();
}

test(
  "long-transactions, pool-exhausted, high-latency, database: somebody holds a lock, and their session is ended",
  async () => {
    const few = { DATABASE_POOL_MAX: "2", DATABASE_POOL_MIN: "1", DATABASE_SLOW_QUERY_MS: "200" };
    await using ward = await openWard({ stack: "PostgreSQL", env: few });
    const url = ward.env.DATABASE_URL ?? "";
    const sql = postgres(url, { max: 1, connection: { application_name: "somebody" }, onclose: () => {} });
    const session = await sql.reserve();
    await session`begin`;
    await session`lock table notifications in access exclusive mode`;
    const held = Array.from({ length: 30 }, (_, nth) =>
      ward.client.call("GET", `/v1/users/ana/notifications?limit=${nth + 1}`),
    );

    const blocked = await ward.finds("locks", "long-transactions");
    expect(blocked.found).toContain("(somebody), whose transaction is");
    await ward.finds("pool", "pool-exhausted");
    const [, pid = ""] = /session (\d+) /.exec(blocked.found) ?? [];
    const looked = await ward.during(async () => {
      await onServer(url, (admin) => admin`select pg_terminate_backend(${Number(pid)})`);
      await Promise.all(held);
    });
    expect(looked.of("responses")).toMatchObject({ level: "fail", entry: "high-latency" });
    expect(looked.of("statements")).toMatchObject({ entry: "database" });
    expect(looked.of("slow ones")).toMatchObject({ level: "warn", entry: "database" });

    await ward.isWell("locks");
    await ward.isWell("pool");
    const after = await ward.during(() => ward.client.call("GET", "/v1/notifications"));
    for (const check of ["responses", "statements", "slow ones"]) expect(after.of(check).level).toBe("ok");
    await sql.end({ timeout: 0 });
  },
  testTimeoutMs,
);

test(
  "long-export: a transaction is open for long and does nothing, until its export is cut off",
  async () => {
    await using ward = await openWard({ stack: "PostgreSQL" });
    const notifications = Array.from({ length: 1000 }, () => ({
      to: "ana",
      title: "Hello",
      body: "x".repeat(4000),
      channels: ["inbox"],
    }));
    for (let nth = 0; nth < 12; nth++) {
      const { status } = await ward.client.call("POST", "/v1/notifications/bulk", { notifications });
      expect(status).toBe(202);
    }
    const socket = unread(ward.service);
    const open = await ward.finds("open longest", "long-export");
    expect(open.found).toMatch(
      /^session \d+ \(carillon\), whose transaction is \d+ s old and does nothing\.$/,
    );
    socket.destroy();
    await ward.isWell("open longest");
  },
  testTimeoutMs,
);

test(
  "database, high-error-rate: the server is gone, and comes back",
  async () => {
    await using server = await startPostgres();
    await using database = await testDatabase(server.url);
    await using ward = await openWard({
      env: { DATABASE_URL: database.url, DATABASE_CONNECT_TIMEOUT_MS: "500" },
    });
    await server.stop();
    const looked = await ward.during(async () => {
      for (let nth = 0; nth < 20; nth++) await ward.client.call("GET", "/v1/notifications");
    });
    expect(looked.of("database")).toMatchObject({ level: "fail", entry: "database" });
    expect(looked.of("service")).toMatchObject({ level: "fail", entry: "database" });
    expect(looked.of("errors")).toMatchObject({ level: "fail", entry: "high-error-rate" });
    expect(looked.of("errors").found).toContain("503 at /v1/notifications");
    await server.restart();
    await ward.isWell("service");
    const after = await ward.during(() => ward.client.call("GET", "/v1/notifications"));
    for (const check of ["database", "errors"]) expect(after.of(check).level).toBe("ok");
  },
  testTimeoutMs,
);

/** A database that a service has left: what is wrong in it is found without one. */
async function migrated(settings: Record<string, string> = {}) {
  const [database, folder] = [await testDatabase(), tempFolder()];
  const env = { DATABASE_URL: database.url, PORT: "0", ...settings };
  await carillon(["migrate"], { env });
  return {
    env,
    ...doctorFor({ env, cwd: folder.path }),
    run: (text: string) => onServer(database.url, (sql) => sql.unsafe(text)),
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

test(
  "bloat: dead rows that nothing cleans up, until somebody does",
  async () => {
    await using database = await migrated();
    await database.run("alter table due set (autovacuum_enabled = false)");
    await database.run(`
    insert into due (notification_id, channel, priority, at, leased)
    select gen_random_uuid(), 'email', 'low', now() + interval '1 year', false from generate_series(1, 12000)`);
    await database.run("delete from due");
    await database.finds("queue table", "bloat");
    await database.run(cureOf("bloat", "sql"));
    await database.isWell("queue table");
  },
  testTimeoutMs,
);

test(
  "partitions: the next days are missing, until they are made",
  async () => {
    await using database = await migrated({ RETENTION_DAYS: "14" }); // A day each.
    await database.isWell("partitions");
    const days = await database.run(`
    select relname from pg_class where relname ~ '^(notifications|deliveries|attempts)_[0-9]{8}$'
      and relname !~ to_char(now() at time zone 'utc', 'YYYYMMDD')`);
    for (const { relname } of days) await database.run(`drop table ${relname}`);
    const missing = await database.finds("partitions", "partitions");
    expect(missing.found).toBe("1 day from today on is ready (bound 2).");
    await carillon(["migrate"], { env: database.env });
    await database.isWell("partitions");
  },
  testTimeoutMs,
);

test(
  "failed-migration: it waits for somebody's old transaction, and goes on when that is ended",
  async () => {
    await using database = await migrated();
    await database.run("delete from schema_migrations where version >= 3; drop index due_order");
    const sql = postgres(database.env.DATABASE_URL, { max: 1, onclose: () => {} });
    const session = await sql.reserve();
    await session`begin`;
    await session`lock table due in row exclusive mode`;
    const migrating = carillon(["migrate"], { env: database.env });

    const waiting = await database.finds("locks", "long-transactions");
    const version = (await database.look()).of("database");
    expect(version.found).toContain(
      `holds a database at version 2; the start migrates it to ${newestVersion}.`,
    );
    const [, pid = ""] = /session (\d+) /.exec(waiting.found) ?? [];
    await database.run(`select pg_terminate_backend(${pid})`);
    const ended = await migrating;
    expect(ended.code).toBe(0);
    expect(ended.stdout).toContain(`is up to date at version ${newestVersion}: applied 3`);
    await sql.end({ timeout: 0 });
  },
  testTimeoutMs,
);

test(
  "dead-letters: what failed is replayed by the command of the runbook",
  async () => {
    await using receiver = Bun.serve({ port: 0, fetch: () => new Response("", { status }) });
    let status = 410;
    await using ward = await openWard({ stack: "PostgreSQL", env: webhooksToHere });
    const to = { user_id: "ana", webhook_url: receiver.url.href };
    const looked = await ward.during(async () => {
      for (let nth = 0; nth < 12; nth++) {
        await ward.client.send({ to, title: "Hello", body: "It works.", channels: ["webhook"] });
      }
    });
    expect(looked.of("failures")).toMatchObject({ level: "warn", entry: "dead-letters" });
    const kept = await ward.finds("dead letters", "dead-letters");
    expect(kept.found).toBe("failed for good and kept: webhook 12.");
    status = 200;
    await runCureOf("dead-letters", { URL: ward.service.url, KEY: ward.service.adminKey });
    await eventually(async () => (await ward.look()).of("dead letters").found === "none.");
  },
  testTimeoutMs,
);
