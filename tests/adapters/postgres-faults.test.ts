/** PostgreSQL that stops, hangs, lacks its replica, or hides behind PgBouncer. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { sql } from "drizzle-orm";
import { failureOf } from "../../db/failure.ts";
import { newId } from "../../db/id.ts";
import { migrate } from "../../db/migrate.ts";
import { ensurePartitions } from "../../db/partitions.ts";
import { getUsers, replaceUsers } from "../../db/queries/users.ts";
import { rowsOf } from "../../db/statement.ts";
import { type Connection, openConnection } from "../../src/adapters/postgres-connection.ts";
import { createPostgresSignals } from "../../src/adapters/postgres-signals.ts";
import type { Database } from "../../src/ports.ts";
import { onServer, testDatabase } from "../databases.ts";
import { eventually } from "../eventually.ts";
import { startPostgres, startStandby } from "../services/own-server.ts";
import { startPgBouncer } from "./pgbouncer.ts";
import { postgresOptions } from "./postgres-options.ts";
import { openWatched } from "./watched-database.ts";

setDefaultTimeout(60_000);

async function whoAnswers(db: Database["orm"]): Promise<string> {
  const [row] = rowsOf<{ name: string }>(await db.execute(sql`select current_database() as name`));
  return row?.name ?? "";
}

/** Two batches of a row each that say who gave them. */
const names = (db: Database) =>
  db.cursorQuery<{ name: string }>(
    sql`select current_database() as name from generate_series(1, 2)`,
    "name",
    1,
  );

const namesOf = async (db: Database) => (await Array.fromAsync(names(db))).flat().map(({ name }) => name);

/** Transactions on a server that wait for their next statement. */
const openTransactions = (url: string): Promise<number> =>
  onServer(url, async (server) => {
    const [row] =
      await server`select count(*)::int as open from pg_stat_activity where state like 'idle in transaction%'`;
    return row?.open ?? Number.NaN;
  });

async function whereNobodyIs(db: Database["orm"]): Promise<void> {
  await db.execute(sql`select 1 from nowhere`);
}

const nameIn = (url: string) => new URL(url).pathname.slice(1);
const nowhere = "postgres://nobody@127.0.0.1:1/nothing";

test("a server that hangs for a while fails nothing that can wait, and is used again", async () => {
  await using server = await startPostgres();
  await using opened = await openWatched(server.url, { databasePoolMax: 4 });
  await opened.db.orm.execute(sql`create table kept (id int primary key)`);

  server.pause();
  const waiting = Array.from({ length: 20 }, async (_, id) => {
    await opened.db.orm.execute(sql`insert into kept values (${id}::int)`);
  });
  await eventually(() => opened.pool().waiting > 0);
  server.resume();
  await Promise.all(waiting);
  expect(await opened.db.orm.execute(sql`select from kept`)).toHaveLength(20);
});

test("a server that hangs for longer than a statement may take is given up, and found again", async () => {
  await using server = await startPostgres();
  await using opened = await openWatched(server.url, {
    databaseStatementTimeoutMs: 300,
    databaseConnectTimeoutMs: 500,
    answerSlackMs: 200,
  });
  server.pause();
  const error = await opened.db.orm.execute(sql`select 1`).then(
    () => null,
    (refused) => refused,
  );
  expect(failureOf(error)).toBe("unreachable");
  server.resume();
  await eventually(async () => (await whoAnswers(opened.db.orm)) === "postgres");
});

test("a server that is restarted is found again, by statements and by signals", async () => {
  await using server = await startPostgres();
  await using opened = await openWatched(server.url, { databaseConnectTimeoutMs: 1000 });
  let gaps = 0;
  opened.db.signals.listen(
    "wake",
    () => {},
    () => {
      gaps += 1;
    },
  );
  await eventually(() => opened.db.signals.heard());
  await server.kill();
  expect(failureOf(await opened.db.orm.execute(sql`select 1`).catch((error) => error))).toBe("unreachable");
  expect(opened.db.signals.heard()).toBe(false);
  await expect(opened.db.signals.send("wake", "")).rejects.toThrow();

  await server.restart();
  await eventually(async () => (await whoAnswers(opened.db.orm)) === "postgres");
  await eventually(() => opened.db.signals.heard() && gaps === 1);
  expect(opened.events.filter((event) => event.startsWith("signals"))).toEqual([
    "signals lost",
    "signals back",
  ]);
});

test("lists are read from the replica, and from the primary while it does not answer", async () => {
  await using own = await testDatabase();
  await using replica = await startPostgres();
  await using opened = await openWatched(own.url, {
    databaseReplicaUrl: replica.url,
    databaseConnectTimeoutMs: 500,
    replicaAloneMs: 300,
  });
  const { db, events } = opened;
  expect(await whoAnswers(db.replica)).toBe("postgres");
  expect(await whoAnswers(db.orm)).toBe(nameIn(own.url));

  await replica.kill();
  const answers = await Promise.all(Array.from({ length: 10 }, () => whoAnswers(db.replica)));
  expect(new Set(answers)).toEqual(new Set([nameIn(own.url)]));
  expect(events.filter((event) => event === "replica lost")).toHaveLength(1);

  await replica.restart();
  await eventually(async () => (await whoAnswers(db.replica)) === "postgres");
  expect(events.filter((event) => event.startsWith("replica "))).toEqual(["replica lost", "replica back"]);
  // What is wrong with a statement is no reason to ask another server.
  const before = events.length;
  await expect(whereNobodyIs(db.replica)).rejects.toThrow();
  expect(events).toHaveLength(before);
});

test("a replica that hangs holds a list up for a moment, and the others not at all", async () => {
  await using own = await testDatabase();
  await using replica = await startPostgres();
  await using opened = await openWatched(own.url, {
    databaseReplicaUrl: replica.url,
    replicaAnswerMs: 300,
    replicaAloneMs: 300,
  });
  const { db, events } = opened;
  expect(await whoAnswers(db.replica)).toBe("postgres");

  replica.pause();
  const startedMs = performance.now();
  expect(await whoAnswers(db.replica)).toBe(nameIn(own.url));
  // A statement may take 30 s before the server is taken for gone.
  expect(performance.now() - startedMs).toBeLessThan(5000);
  expect(await namesOf(db)).toEqual([nameIn(own.url), nameIn(own.url)]);
  replica.resume();
  await eventually(async () => (await whoAnswers(db.replica)) === "postgres");
  expect(events.filter((event) => event.startsWith("replica "))).toEqual(["replica lost", "replica back"]);
});

test("exports are read from the replica, and from the primary where that does not begin", async () => {
  await using own = await testDatabase();
  await using replica = await startPostgres();
  await using opened = await openWatched(own.url, {
    databaseReplicaUrl: replica.url,
    databaseConnectTimeoutMs: 500,
    replicaAnswerMs: 300,
    replicaAloneMs: 100,
  });
  const { db } = opened;
  expect(await namesOf(db)).toEqual(["postgres", "postgres"]);

  replica.pause();
  expect(await namesOf(db)).toEqual([nameIn(own.url), nameIn(own.url)]);
  replica.resume();
  await eventually(async () => (await namesOf(db)).includes("postgres"));
  // What was begun while it hung, and came too late, is ended there, too.
  await eventually(async () => (await openTransactions(replica.url)) === 0);

  // One that has begun is not begun anew elsewhere: its first rows are with the reader.
  const rows = names(db)[Symbol.asyncIterator]();
  expect((await rows.next()).value).toEqual([{ name: "postgres" }]);
  await replica.kill();
  await expect(rows.next()).rejects.toThrow();
  expect(await namesOf(db)).toEqual([nameIn(own.url), nameIn(own.url)]);
});

test("a replica that never was does not keep the service from starting", async () => {
  await using own = await testDatabase();
  await using opened = await openWatched(own.url, { databaseReplicaUrl: nowhere });
  expect(await whoAnswers(opened.db.replica)).toBe(nameIn(own.url));
  expect(opened.events).toContain("replica lost");
});

test("PgBouncer in transaction mode: many clients' statements and transactions on its few connections", async () => {
  await using own = await testDatabase();
  await using bouncer = await startPgBouncer(own.url);
  await using opened = await openWatched(bouncer.url, { databasePgbouncer: true, databasePoolMax: 10 });
  const { db } = opened;
  const nowMs = Date.now();
  const projectId = newId(nowMs);
  await migrate(db.orm);
  await ensurePartitions(db.orm, nowMs);

  const nths = Array.from({ length: 100 }, (_, nth) => nth);
  await Promise.all(
    nths.map((nth) =>
      db.transaction((tx) =>
        replaceUsers(tx, {
          projectIds: [projectId],
          ids: [`user-${nth}`],
          emails: [`${nth}@example.com`],
          phones: [null],
          webhookUrls: [null],
          names: [null],
          locales: [null],
          timezones: [null],
          now: new Date(nowMs).toISOString(),
        }),
      ),
    ),
  );
  const found = await Promise.all(
    nths.map((nth) => getUsers(db.orm, { projectIds: [projectId], ids: [`user-${nth}`] })),
  );
  expect(found.map(([user]) => user?.email)).toEqual(nths.map((nth) => `${nth}@example.com`));

  let count = 0;
  for await (const rows of db.cursorQuery(sql`select id from users`, "id", 30)) count += rows.length;
  expect(count).toBe(100);
  expect(db.signals.heard()).toBe(false);
  await db.signals.send("wake", "");
});

test("PgBouncer hands on what all relies on, however the database is set", async () => {
  await using own = await testDatabase();
  await onServer(own.url, async (server) => {
    await server.unsafe(`alter database ${nameIn(own.url)} set datestyle = 'SQL, DMY'`);
    await server.unsafe(
      `alter database ${nameIn(own.url)} set default_transaction_isolation = 'repeatable read'`,
    );
  });
  await using bouncer = await startPgBouncer(own.url);
  await using opened = await openWatched(bouncer.url, { databasePgbouncer: true });
  const told = await opened.db.transaction(async (tx) =>
    rowsOf<{ day: string; isolation: string }>(
      await tx.execute(sql`
        select '2027-05-06T00:00:00Z'::timestamptz::text as day, current_setting('transaction_isolation') as isolation`),
    ),
  );
  expect(told).toEqual([{ day: expect.stringMatching(/^2027-05-0[56] /), isolation: "read committed" }]);
});

test("where nobody may listen, as on a standby, no connection is left behind", async () => {
  await using primary = await startPostgres();
  await using standby = await startStandby(primary);
  await using opened = await openWatched(primary.url);
  const { databaseConnectTimeoutMs, databaseStatementTimeoutMs } = postgresOptions(standby.url);
  const tried: Connection[] = [];
  const heard: string[] = [];
  const signals = createPostgresSignals(
    opened.db.orm,
    async () => {
      const connection = await openConnection({
        url: standby.url,
        connectTimeoutMs: databaseConnectTimeoutMs,
        statementTimeoutMs: databaseStatementTimeoutMs,
        pgbouncer: false,
      });
      tried.push(connection);
      return connection;
    },
    { lost: (error) => heard.push(String(error)), back: () => {} },
  );
  await eventually(() => tried.length > 3, { timeoutMs: 20_000 });
  expect(tried.slice(0, -1).map(({ lost }) => lost)).toEqual(tried.slice(1).map(() => true));
  expect(heard).toEqual([expect.stringContaining("LISTEN")]);
  await signals.close();
});
