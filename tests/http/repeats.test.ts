/** A request that is repeated while the database is silent, gone or has too much to do gets its answer from the cache. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { type OwnRedis, startOwnRedis } from "../adapters/own-redis.ts";
import { testDatabase } from "../databases.ts";
import { eventually } from "../eventually.ts";
import { type OwnServer, startPostgres } from "../services/own-server.ts";
import { type Answer, aNotification, expectProblem, type HttpService, startHttp } from "./service.ts";

setDefaultTimeout(60_000);

/** Far less than the 5 s for which a request waits to be stored, and the 30 s for which a statement may run. */
const promptMs = 2000;

interface Place extends AsyncDisposable {
  database: OwnServer;
  service: HttpService;
  /** Another process's half: the same database, and the same Redis if there is one. */
  openAnother(): Promise<HttpService>;
}

async function openPlace(redis: OwnRedis | null): Promise<Place> {
  const parts = new AsyncDisposableStack();
  const database = parts.use(await startPostgres());
  const env: Record<string, string> = {
    DATABASE_URL: database.url,
    DATABASE_CONNECT_TIMEOUT_MS: "1000",
    SWEEP_INTERVAL_MS: "60000", // Each round would only say that the database is silent.
    // The machine of a test may be busy.
    ...(redis === null ? {} : { REDIS_URL: redis.url, REDIS_TIMEOUT_MS: "2000" }),
  };
  const open = async () => parts.use(await startHttp(env, "PostgreSQL"));
  return {
    database,
    service: await open(),
    openAnother: open,
    async [Symbol.asyncDispose]() {
      database.resume();
      await parts.disposeAsync();
    },
  };
}

const send = (service: HttpService, idempotencyKey: string, body: unknown, key?: string): Promise<Answer> =>
  service.call("POST /v1/notifications", {
    body,
    headers: { "idempotency-key": idempotencyKey },
    ...(key === undefined ? {} : { key }),
  });

/** The first answer, to the byte, and soon. */
async function expectReplay(first: Answer, repeat: () => Promise<Answer>): Promise<void> {
  const startedMs = performance.now();
  const { status, text, headers } = await repeat();
  expect({ status, text, replayed: headers.get("idempotency-replayed") }).toEqual({
    status: 202,
    text: first.text,
    replayed: "true",
  });
  expect(performance.now() - startedMs).toBeLessThan(promptMs);
}

const countOf = async (service: HttpService, user: string) =>
  (await service.call(`GET /v1/users/${user}/notifications`)).data.length;

describe.each([{ cache: "memory" }, { cache: "Redis" }])("with the cache in $cache,", ({ cache }) => {
  const openCache = async () => {
    const parts = new AsyncDisposableStack();
    const redis = cache === "Redis" ? parts.use(await startOwnRedis()) : null;
    return { redis, [Symbol.asyncDispose]: () => parts.disposeAsync() };
  };

  test("a repetition is answered while the database is silent, and another body with its key is refused", async () => {
    await using opened = await openCache();
    await using place = await openPlace(opened.redis);
    const { service, database } = place;
    const body = aNotification({ to: "ana" });
    const first = await send(service, "silent-1", body);
    const items = { notifications: [aNotification({ to: "ana" }), { to: "" }] };
    const bulk = (content: unknown) =>
      service.call("POST /v1/notifications/bulk", {
        body: content,
        headers: { "idempotency-key": "silent-2" },
      });
    const firstBulk = await bulk(items);

    database.pause();
    await expectReplay(first, () => send(service, "silent-1", body));
    await expectReplay(first, () => send(service, "silent-1", body));
    await expectReplay(firstBulk, () => bulk(items));
    for (const other of [aNotification({ to: "ana", title: "Other" }), `${JSON.stringify(body)} `]) {
      expectProblem(await send(service, "silent-1", other), "idempotency_mismatch", /new key/);
    }
    expectProblem(await bulk({ notifications: [aNotification()] }), "idempotency_mismatch");
    database.resume();

    await eventually(async () => (await countOf(service, "ana")) === 2);
    await expectReplay(first, () => send(service, "silent-1", body));
  });

  test("a repetition is answered while more is offered than is taken, and what is sent for the first time is refused", async () => {
    await using opened = await openCache();
    await using place = await openPlace(opened.redis);
    const { service, database } = place;
    const body = aNotification({ to: "ana", priority: "low" });
    const first = await send(service, "crowded-1", body);

    database.pause();
    const statuses: number[] = [];
    const others: Promise<unknown>[] = [];
    await eventually(() => {
      const other = service.call("POST /v1/notifications", { body });
      others.push(other.then(({ status }) => statuses.push(status)));
      return statuses.includes(503);
    });
    await expectReplay(first, () => send(service, "crowded-1", body));
    database.resume();
    await Promise.all(others);
  });

  test("a request that failed leaves nothing: its repetition is stored", async () => {
    await using opened = await openCache();
    await using place = await openPlace(opened.redis);
    const { service, database } = place;
    await send(service, "before", aNotification()); // From now on its API key is known without the database.
    const body = aNotification({ to: "ana" });
    await database.kill();
    // Whether the memory of its API key may be trusted while nobody tells of changes is another matter: 503 either way.
    expectProblem(await send(service, "failed-1", body), "database_unavailable");
    await database.restart();
    const answer = await eventually(async () => {
      const sent = await send(service, "failed-1", body);
      return sent.status === 202 && sent;
    });
    expect(answer.headers.get("idempotency-replayed")).toBeNull();
    expect(await countOf(service, "ana")).toBe(1);
  });
});

test("a repetition is answered by another process that shares Redis, while the database is silent", async () => {
  await using redis = await startOwnRedis();
  await using place = await openPlace(redis);
  const { service: here, database } = place;
  const there = await place.openAnother();
  const body = aNotification({ to: "ana" });
  const first = await send(here, "elsewhere-1", body);

  database.pause();
  await expectReplay(first, () => send(there, "elsewhere-1", body, here.adminKey));
  const other = aNotification({ to: "ana", title: "Other" });
  expectProblem(await send(there, "elsewhere-1", other, here.adminKey), "idempotency_mismatch");
});

test("a Redis that was flushed, or is gone, changes nothing: the database knows", async () => {
  await using redis = await startOwnRedis();
  await using database = await testDatabase();
  await using service = await startHttp({ DATABASE_URL: database.url, REDIS_URL: redis.url }, "PostgreSQL");
  const body = aNotification({ to: "ana" });
  const other = aNotification({ to: "ana", title: "Other" });
  const first = await send(service, "flushed-1", body);

  await redis.admin.flushall();
  await expectReplay(first, () => send(service, "flushed-1", body));
  expectProblem(await send(service, "flushed-1", other), "idempotency_mismatch");

  await redis.kill();
  await expectReplay(first, () => send(service, "flushed-1", body));
  expect((await send(service, "gone-1", body)).status).toBe(202);
  expect(await countOf(service, "ana")).toBe(2);
});

test("what is kept of an answer holds nothing that an erasure would have to remove", async () => {
  await using redis = await startOwnRedis();
  await using database = await testDatabase();
  await using service = await startHttp({ DATABASE_URL: database.url, REDIS_URL: redis.url }, "PostgreSQL");
  const secrets = ["ana@example.com", "Ana Secret", "Hidden title", "Hidden body", "hidden data"];
  const [email, name, title, text, data] = secrets;
  const notification = { to: { user_id: "ana", email, name }, title, body: text, data: { data } };
  expect((await send(service, "personal-1", notification)).status).toBe(202);
  expect((await service.call("DELETE /v1/users/ana")).status).toBe(200);

  const keys = await eventually(async () => {
    const found = await redis.admin.keys("*{answer:*");
    return found.length > 0 && found;
  });
  expect(keys).toHaveLength(1);
  const kept = (await redis.admin.mget(await redis.admin.keys("*v1:*"))).join("\n");
  for (const secret of secrets) expect(kept).not.toContain(secret);
});
