/** The data of a service moves to another database, and what was under way goes on there. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { getTableName } from "drizzle-orm";
import { carillon, expectWords, type Ran } from "./command-line.ts";
import { onServer, testDatabase } from "./databases.ts";
import { eventually } from "./eventually.ts";
import { type Client, createClient, type ListedDelivery, nothingOpen } from "./process/client.ts";
import { arrivals, startReceivers } from "./process/receivers.ts";
import { fromSource, newAdminKey, startService } from "./process.ts";
import { tempFolder } from "./temp-folder.ts";

/** Each test starts several processes. */
setDefaultTimeout(60_000);

/** Longer than the move takes. */
const scheduledInMs = 9000;

const message = { title: "Hello", body: "It was on its way." };

test("what was scheduled, dead or remembered in a data folder goes on in PostgreSQL after the move", async () => {
  await using folder = tempFolder();
  await using database = await testDatabase();
  await using receivers = await startReceivers();
  const { http } = receivers;
  const env = { ...receivers.env, ADMIN_KEY: newAdminKey(), RETRY_SCHEDULE: "10ms" };
  const embedded = { DATA_DIR: join(folder.path, "data") };
  const server = { DATABASE_URL: database.url };
  http.answer = ({ path }) => new Response(null, { status: path === "/dead" ? 500 : 204 });

  const before = startService({ cwd: folder.path, env: { ...env, ...embedded } });
  await before.ready;
  const admin = createClient({ url: before.url, key: env.ADMIN_KEY });
  const { data: made } = await admin.call<{ secret: string }>("POST", "/v1/keys", {
    name: "shop",
    scopes: ["send", "read"],
  });
  const here = admin.as(made.secret);
  const send_at = new Date(Date.now() + scheduledInMs).toISOString();
  const scheduled = await here.send({
    ...message,
    to: { user_id: "ana", webhook_url: `${http.url}/later` },
    send_at,
  });
  const dead = await here.send({ ...message, to: { user_id: "ben", webhook_url: `${http.url}/dead` } });
  await eventually(() => nothingOpen(here));
  const first = await sendOnce(here);
  const calls = http.received.length;
  before.kill("SIGTERM");
  expect(await before.exited).toBe(0);

  const dump = await carillon(["export"], { env: embedded });
  expect(dump).toMatchObject({ code: 0 });
  expect(dump.stderr).toMatch(/^Exported .*\b3 notifications\b/);
  expect(dump.stdout).not.toContain(made.secret);
  const moved = await importInto(server, dump.stdout);
  expect(moved).toEqual({ code: 0, stdout: dump.stderr.replace("Exported", "Imported"), stderr: "" });
  expect(linesOf(await carillon(["export"], { env: server }))).toEqual(linesOf(dump));
  expect(http.received).toHaveLength(calls);

  await using after = startService({ cwd: folder.path, env: { ...env, ...server } });
  await after.ready;
  const there = createClient({ url: after.url, key: made.secret });
  expect(await sendOnce(there)).toEqual({ id: first.id, replayed: "true" });
  await eventually(
    () => arrivals(http.received.filter(({ path }) => path === "/later")).get(scheduled) === 1,
    {
      timeoutMs: 2 * scheduledInMs,
    },
  );
  const [letter] = await there.all<ListedDelivery>("/v1/deliveries?status=failed");
  expect(letter).toMatchObject({ notification_id: dead, channel: "webhook" });
  http.answer = () => new Response(null, { status: 204 });
  expect(await there.call("POST", `/v1/deliveries/${letter?.id}/replay`)).toMatchObject({ status: 202 });
  await eventually(async () => (await delivered(there, dead)) === "sent");
  expect(arrivals(http.received.filter(({ path }) => path === "/later"))).toEqual(new Map([[scheduled, 1]]));
});

test("an export is imported whole into an empty database, or not at all", async () => {
  await using folder = tempFolder();
  await using database = await testDatabase();
  const embedded = { DATA_DIR: join(folder.path, "data") };
  const server = { DATABASE_URL: database.url };
  await carillon(["keys", "create", "--name", "shop", "--scopes", "send"], { env: server });
  // As large and as exact as PostgreSQL takes them, which JavaScript would round.
  await onServer(database.url, (sql) =>
    sql.unsafe(`
      insert into users (project_id, id, created_at, updated_at)
        select id, 'ana', '2020-02-29 12:34:56.789012Z', 'infinity' from projects;
      insert into notifications (id, project_id, user_id, priority, status, title, body, data)
        select '01890000-0000-7000-8000-000000000000', id, 'ana', 'low', 'sent', E'A "line"\\n', '\\', '{"n": 123456789012345678.90}'
        from projects`),
  );
  const dump = await carillon(["export"], { env: server });
  const lines = dump.stdout.trimEnd().split("\n");
  const half = lines.slice(0, -1).join("\n");
  const other = dump.stdout.replace(/"schema":\d+/, '"schema":1');
  const short = dump.stdout.replace(/\{"table":"users".*\n/, "");
  for (const [text, words] of [
    [half, "it was cut off"],
    [other, "it is of schema 1, by Carillon"],
    [short, "other rows of users"],
    [`${half}\n{"table":"users","row":{"id":"ben"}}\n${lines.at(-1)}`, "rows of users: null value"],
    [`${half}\n{"table":"users","row":{"id":}}\n${lines.at(-1)}`, "rows of users: invalid input syntax"],
    [`${half}\n{"table":"attempts","row":{"id":}}\n${lines.at(-1)}`, "rows of attempts: JSON"],
    [`${half}\n{"table":"pigeons","row":{}}\n${lines.at(-1)}`, "there is no table pigeons"],
    [`${dump.stdout}${lines[1]}`, "comes after its end"],
    ["", "it was cut off"],
    ["Hello", "its first line"],
  ] as const) {
    const ran = await importInto(embedded, text);
    expect(ran.code).toBe(1);
    expectWords(ran);
    expect(ran.stderr).toContain(words);
  }

  expect(await importInto(embedded, dump.stdout)).toMatchObject({ code: 0 });
  expect(linesOf(await carillon(["export"], { env: embedded }))).toEqual(linesOf(dump));
  await using copy = await testDatabase();
  expect(await importInto({ DATABASE_URL: copy.url }, dump.stdout)).toMatchObject({ code: 0 });
  // Where its week is dropped as a whole when it is old.
  expect(
    await onServer(copy.url, (sql) =>
      sql.unsafe("select tableoid::regclass::text as partition from notifications"),
    ),
  ).toMatchObject([{ partition: "notifications_20230622_7d" }]);
  const again = await importInto(embedded, dump.stdout);
  expect(again.code).toBe(1);
  expectWords(again);
  expect(again.stderr).toContain("The database is not empty: there are rows in projects, keys, users");
});

test("an export has every table there is", async () => {
  await using database = await testDatabase();
  const server = { DATABASE_URL: database.url };
  await carillon(["migrate"], { env: server });
  const tables = await onServer(
    database.url,
    (sql) =>
      sql<{ name: string }[]>`
      select relname as name from pg_class
      where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition`,
  );
  const { tables: dumped } = await import("../db/dump.ts");
  expect([...dumped.map(({ table }) => getTableName(table)), "schema_migrations"].sort()).toEqual(
    tables.map(({ name }) => name).sort(),
  );
});

async function importInto(env: Record<string, string>, text: string): Promise<Ran> {
  const { PATH = "", HOME = "" } = process.env;
  const child = Bun.spawn([...fromSource, "import"], {
    env: { PATH, HOME, ...env },
    stdin: new Blob([text]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  return { code, stdout, stderr };
}

/** In the order of the alphabet: a table's rows have none of their own. */
const linesOf = ({ stdout }: Ran) => stdout.trimEnd().split("\n").sort();

/** The same request each time. */
async function sendOnce(client: Client): Promise<{ id: string; replayed: string | null }> {
  const { data, headers } = await client.call<{ id: string }>(
    "POST",
    "/v1/notifications",
    { to: "cem", ...message },
    { "idempotency-key": "once" },
  );
  return { id: data.id, replayed: headers.get("idempotency-replayed") };
}

async function delivered(client: Client, id: string): Promise<string | undefined> {
  const { deliveries } = await client.notification(id);
  return deliveries.find(({ channel }) => channel === "webhook")?.status;
}
