/** The commands where the settings name servers: real ones, and some that are not there. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { newestVersion } from "../db/migrate.ts";
import { startOwnRedis } from "./adapters/own-redis.ts";
import { carillon, expectWords, statusOf, uuid } from "./command-line.ts";
import { onServer, testDatabase } from "./databases.ts";
import { eventually } from "./eventually.ts";
import { startService } from "./process.ts";
import { startRedis } from "./services/own-server.ts";
import { openStack, servers } from "./stacks.ts";
import { tempFolder } from "./temp-folder.ts";

/** Each test starts several processes. */
setDefaultTimeout(60_000);

/** Nobody listens there. */
const nowhere = "127.0.0.1:9";

/** The finding of each check, as one line without its level's padding. */
const findingsIn = (stdout: string) =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/ {2,}/g, " "));

test("a start says what it runs on, and no password", async () => {
  await using stack = await openStack("PostgreSQL, Redis and Kafka");
  await using folder = tempFolder();
  const { DATABASE_URL = "", KAFKA_BROKERS = "" } = stack.env;
  const redis = new URL(stack.env.REDIS_URL ?? "");
  await using service = startService({ cwd: folder.path, env: { ...stack.env, WORKERS: "2" } });
  await service.ready;
  const database = new URL(DATABASE_URL);
  const lines = service.stdout().split("\n");
  expect(lines).toContain(`  data       PostgreSQL at ${database.host}${database.pathname}`);
  expect(lines).toContain(`  cache      Redis at ${redis.host}`);
  expect(lines).toContain(`  event log  Kafka at ${KAFKA_BROKERS}, 2 workers`);
  if (database.password !== "") expect(service.stdout()).not.toContain(database.password);
  expect(await readdir(folder.path)).toEqual([]);
});

test("a start without servers says so", async () => {
  await using folder = tempFolder();
  await using service = startService({ cwd: folder.path });
  await service.ready;
  expect(service.stdout()).toMatch(/^ {2}data {7}\.\/data\n {2}cache {6}memory\n {2}event log {2}memory$/m);
});

test("doctor finds nothing wrong with servers that are well, changes nothing on them, and looks at no data folder", async () => {
  await using stack = await openStack("PostgreSQL, Redis and Kafka");
  await using folder = tempFolder();
  const env = { ...stack.env, PORT: "0", KAFKA_REPLICATION: "1", DATA_DIR: "/dev/null" };
  const { code, stdout } = await carillon(["doctor"], { cwd: folder.path, env });
  const found = findingsIn(stdout);
  expect(found.slice(0, 6)).toEqual([
    "ok settings all of them can be read.",
    expect.stringMatching(
      /^ok database PostgreSQL \d.* holds nothing yet: the first start makes its tables\.$/,
    ),
    expect.stringMatching(/^ok connections A process opens up to \d+ connections, the server takes \d+/),
    "ok clock The clocks of this machine and of the database agree.",
    expect.stringMatching(/^ok cache Redis at \S+ answers, version \d+\.\d+\.\d+, maxmemory-policy \w+\.$/),
    expect.stringMatching(/^ok event log Kafka at \S+ answers, \d brokers?; the start makes 5 topics\.$/),
  ]);
  expect(found.slice(6).map((line) => line.split(" ")[1])).toEqual(["host", "port", "email", "webhook"]);
  expect(code).toBe(0);
  const again = await carillon(["doctor"], { cwd: folder.path, env });
  expect(findingsIn(again.stdout).slice(0, 6)).toEqual([
    found[0] ?? "",
    found[1] ?? "",
    expect.stringContaining("connections"),
    ...found.slice(3, 6),
  ]);
});

test("doctor says of each server that does not answer what follows from it and what to do, and no password", async () => {
  const env = {
    PORT: "0",
    DATABASE_URL: `postgres://carillon:hunter2@${nowhere}/carillon`,
    DATABASE_REPLICA_URL: `postgres://carillon:hunter2@${nowhere}/carillon`,
    REDIS_URL: `redis://carillon:hunter2@${nowhere}/0`,
    REDIS_REPLICA_URL: `redis://:hunter2@${nowhere}/0`,
    KAFKA_BROKERS: nowhere,
    MONGODB_URL: `mongodb://carillon:hunter2@${nowhere}/carillon`,
  };
  const { code, stdout, stderr } = await carillon(["doctor"], { env });
  const lines = findingsIn(stdout);
  const lineOf = (check: string) => lines.find((line) => line.includes(` ${check} `)) ?? "none";
  expect(code).toBe(1);
  expect(lineOf("database")).toMatch(
    /^FAIL .*No PostgreSQL server answers at 127\.0\.0\.1:9: .*\. Start it, or correct host and port in DATABASE_URL\. See docs\/runbook\.md#database\.$/,
  );
  expect(lineOf("replica")).toMatch(
    /^warn .* in DATABASE_REPLICA_URL\. Until then, lists are read from DATABASE_URL\.$/,
  );
  expect(lineOf("cache")).toMatch(
    /^warn .*REDIS_URL: until it answers, the database is asked for everything\. See docs\/runbook\.md#redis-down\.$/,
  );
  expect(lineOf("cache copy")).toMatch(
    /^warn .*REDIS_REPLICA_URL: until it answers, REDIS_URL is read from\.$/,
  );
  expect(lineOf("event log")).toMatch(
    /^FAIL .*until it answers, requests are taken and nothing is sent\. See docs\/runbook\.md#kafka-down\.$/,
  );
  expect(lineOf("archive")).toMatch(/^warn .*MONGODB_URL: until it answers, nothing is archived/);
  expect(stdout + stderr).not.toContain("hunter2");

  const closed = await carillon(["doctor"], { env: { ...env, RATE_LIMIT_FAIL: "closed" } });
  expect(closed.stdout).toMatch(
    /^FAIL +cache .*with RATE_LIMIT_FAIL=closed all requests are refused\. See docs\/runbook\.md#redis-down\.$/m,
  );
});

test("doctor says what does not fit: replicas that are none, pools that are too large, a newer database", async () => {
  await using stack = await openStack("PostgreSQL, Redis and Kafka");
  const { DATABASE_URL = "", REDIS_URL = "" } = stack.env;
  await carillon(["migrate"], { env: { DATABASE_URL } });
  await onServer(DATABASE_URL, (sql) => sql`insert into schema_migrations (version) values (999)`);
  const env = {
    DATABASE_URL,
    DATABASE_REPLICA_URL: DATABASE_URL,
    DATABASE_POOL_MAX: "1000",
    REDIS_URL,
    REDIS_REPLICA_URL: REDIS_URL,
    PORT: "0",
  };
  const { code, stdout } = await carillon(["doctor"], { env });
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /^FAIL +database .* was written by a newer Carillon \(version 999; this one knows \d+\)\./m,
  );
  expect(stdout).toMatch(
    /^warn +connections .*up to 1001 connections, the server takes \d+.* Lower DATABASE_POOL_MAX/m,
  );
  expect(stdout).toMatch(/^warn +replica .* is no replica: it takes writes\./m);
  expect(stdout).toMatch(/^warn +cache copy .* is no replica\./m);

  const migrate = await carillon(["migrate"], { env: { DATABASE_URL } });
  expect(migrate.code).toBe(1);
  expectWords(migrate);
  expect(migrate.stderr).toContain("The database of DATABASE_URL was written by a newer Carillon");
});

test("doctor tells a Redis that drops locks from one that does not, and a replica that follows from one that is cut off", async () => {
  await using primary = await startRedis(["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"]);
  await using replica = await startRedis(["--replicaof", `127.0.0.1 ${primary.port}`]);
  const doctor = async (env: Record<string, string>) =>
    (await carillon(["doctor"], { env: { PORT: "0", ...env } })).stdout;
  const urls = { REDIS_URL: primary.url, REDIS_REPLICA_URL: replica.url };

  const found = await eventually(
    async () => {
      const stdout = await doctor(urls);
      return /^ok +cache copy .* follows its primary\.$/m.test(stdout) && stdout;
    },
    { timeoutMs: 30_000 },
  );
  expect(found).toMatch(
    /^warn +cache .* drops any key once it is full \(maxmemory-policy allkeys-lru\).* Set it to volatile-lru/m,
  );
  expect(await doctor({ REDIS_URL: replica.url })).toMatch(
    /^FAIL +cache .* is a replica, which takes no writes\. Set REDIS_URL to its primary\.$/m,
  );
  await primary.kill();
  expect(await doctor(urls)).toMatch(/^warn +cache copy .* does not hear its primary\./m);
});

test("doctor compares the topics that are there with the settings", async () => {
  await using stack = await openStack("PostgreSQL, Redis and Kafka");
  await using folder = tempFolder();
  {
    await using service = startService({ cwd: folder.path, env: stack.env });
    await service.ready;
    await statusOf(service, service.adminKey);
  }
  const env = { ...stack.env, PORT: "0", KAFKA_PARTITIONS: "3" };
  const { stdout } = await carillon(["doctor"], { env });
  const prefix = stack.env.KAFKA_TOPIC_PREFIX;
  expect(stdout).toContain(
    `KAFKA_PARTITIONS is 3, and other counts of partitions stand at ${prefix}.critical, `,
  );
});

test("migrate brings the database of DATABASE_URL up to date, and makes no data folder", async () => {
  await using database = await testDatabase();
  await using folder = tempFolder();
  const env = { DATABASE_URL: database.url };
  const { host, pathname } = new URL(database.url);
  const place = `PostgreSQL at ${host}${pathname} is up to date at version ${newestVersion}`;
  const first = await carillon(["migrate"], { cwd: folder.path, env });
  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(first.stdout).toStartWith(`${place}: applied 1`);
  const second = await carillon(["migrate"], { cwd: folder.path, env });
  expect(second.stdout).toBe(`${place}: nothing to apply.\n`);
  expect(await readdir(folder.path)).toEqual([]);
});

test.each(servers)(
  "on %s, keys are made, listed and revoked beside services, which know a key no more once it is revoked",
  async (name) => {
    await using stack = await openStack(name);
    await using folder = tempFolder();
    const { env } = stack;
    const options = { cwd: folder.path, env };
    await using one = startService(options);
    await one.ready;
    await using other = startService(options);
    await other.ready;
    const made = await carillon(["keys", "create", "--name", "shop", "--scopes", "read"], options);
    expect(made.code).toBe(0);
    const key = made.stdout.trim();
    for (const service of [one, other]) expect(await statusOf(service, key)).toBe(200);

    const { stdout: listed } = await carillon(["keys", "list"], options);
    const line = listed.split("\n").find((entry) => entry.endsWith("shop")) ?? "";
    const [id = ""] = uuid.exec(line) ?? [];
    const revoked = await carillon(["keys", "revoke", id], options);
    expect(revoked).toMatchObject({ code: 0, stdout: `Revoked ${id}.\n`, stderr: "" });
    // At once: a key is remembered for a minute otherwise.
    for (const service of [one, other]) expect(await statusOf(service, key)).toBe(401);
    expect(await readdir(folder.path)).toEqual([]);
  },
  60_000,
);

test("doctor says of a Redis that keeps INFO to itself what cannot be looked at", async () => {
  await using server = await startOwnRedis();
  await server.admin.acl("SETUSER", "app", "on", ">secret", "~*", "&*", "+@all", "-info");
  const url = `redis://app:secret@127.0.0.1:${server.port}`;
  await using folder = tempFolder();
  const { stdout } = await carillon(["doctor"], { cwd: folder.path, env: { REDIS_URL: url, PORT: "0" } });
  expect(stdout).toMatch(
    /^warn +cache +Redis at \S+ answers, and does not let this user ask for INFO\. Its version/m,
  );
  expect(stdout).not.toContain("secret");
});

test("looking for keys in a database that holds nothing makes no tables", async () => {
  await using database = await testDatabase();
  const ran = await carillon(["keys", "list"], { env: { DATABASE_URL: database.url } });
  expect(ran.code).toBe(1);
  expectWords(ran);
  const { host, pathname } = new URL(database.url);
  expect(ran.stderr).toBe(
    `There is no Carillon data in PostgreSQL at ${host}${pathname}. Set DATABASE_URL to the database of the service.\n`,
  );
  const [tables] = await onServer(
    database.url,
    (sql) => sql`select count(*)::int as count from pg_tables where schemaname = 'public'`,
  );
  expect(tables?.count).toBe(0);
});

test("a key that is revoked while Redis does not answer is, and for how long services may take it is said", async () => {
  await using database = await testDatabase();
  const env = { DATABASE_URL: database.url, REDIS_URL: `redis://${nowhere}` };
  await carillon(["keys", "create", "--name", "shop", "--scopes", "admin"], { env });
  const { stdout } = await carillon(["keys", "list"], { env });
  const [id = ""] = uuid.exec(stdout) ?? [];
  const revoked = await carillon(["keys", "revoke", id], { env });
  expect(revoked.code).toBe(0);
  expect(revoked.stderr).toContain("Redis does not answer: a service may take the key for 60 s more.");
});
