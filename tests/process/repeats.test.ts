/** Requests that are repeated to another process than the one that answered them, which may be gone. */
import { expect, test } from "bun:test";
import { startOwnRedis } from "../adapters/own-redis.ts";
import { newAdminKey, startService } from "../process.ts";
import { startPostgres } from "../services/own-server.ts";
import { tempFolder } from "../temp-folder.ts";
import { createClient } from "./client.ts";

const requests = 100;

test("what a process answered before SIGTERM, another one answers again while the database is silent", async () => {
  await using redis = await startOwnRedis();
  await using database = await startPostgres();
  await using folder = tempFolder();
  const key = newAdminKey();
  const env = { DATABASE_URL: database.url, REDIS_URL: redis.url, REDIS_TIMEOUT_MS: "2000", ADMIN_KEY: key };
  await using first = startService({ cwd: folder.path, env });
  await first.ready;
  await using second = startService({ cwd: folder.path, env });
  await second.ready;
  const sendAll = (url: string, title: string) => {
    const client = createClient({ url, key });
    const send = (nth: number) =>
      client.call(
        "POST",
        "/v1/notifications",
        { to: `user-${nth}`, title, body: "It works." },
        {
          "idempotency-key": `order-${nth}`,
        },
      );
    return Promise.all(Array.from({ length: requests }, (_, nth) => send(nth)));
  };

  const answers = await sendAll(first.url, "Hello");
  first.kill("SIGTERM");
  await first.exited;
  database.pause();
  try {
    const repeated = await sendAll(second.url, "Hello");
    expect(repeated.map(({ status, data }) => ({ status, data }))).toEqual(
      answers.map(({ data }) => ({ status: 202, data })),
    );
    const others = await sendAll(second.url, "Other");
    expect(new Set(others.map(({ status }) => status))).toEqual(new Set([422]));
  } finally {
    database.resume();
  }
}, 60_000);
