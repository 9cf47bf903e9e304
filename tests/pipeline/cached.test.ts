/** What is kept in the cache that processes share: for how long, and what a start puts there. */
import { expect, test } from "bun:test";
import { Redis } from "ioredis";
import { eventually } from "../eventually.ts";
import { createWorld, type World } from "./world.ts";

const stack = "PostgreSQL, Redis and Kafka";
/** So long ago the test may have put it there. */
const testMaxSeconds = 60;
const hello = { to: { user_id: "ana", email: "ana@example.com" }, title: "Hello", body: "It works." };

test("a closed notification and a profile are kept as long as the settings say, ±10 %", async () => {
  const seconds = { notification: 2000, user: 3000 };
  const env = {
    CACHE_NOTIFICATION_TTL_SECONDS: String(seconds.notification),
    CACHE_PREFERENCES_TTL_SECONDS: String(seconds.user),
  };
  await using world = await createWorld({ stack, env });
  await using redis = openRedis(world);
  const id = await world.client.send(hello);
  await world.delivery(id, "email", "sent");
  await world.client.notification(id);

  const lives = await eventually(async () => {
    const found = await redis.lives();
    return Object.keys(seconds).every((name) => found.has(name)) && found;
  });

  for (const [name, asked] of Object.entries(seconds)) {
    expect(Math.abs((lives.get(name) ?? 0) - asked)).toBeLessThan(asked / 10 + testMaxSeconds);
  }
});

test.each([
  ["3600", 60],
  ["20", 20],
])("with CACHE_TTL_SECONDS=%s, an API key is kept for %d s at most, ±10 %%", async (ttl, seconds) => {
  await using world = await createWorld({ stack, env: { CACHE_TTL_SECONDS: ttl } });
  await using redis = openRedis(world);
  await world.client.send(hello);

  const lives = await eventually(async () => (await redis.lives()).get("key"));

  expect(lives).toBeGreaterThan(0);
  expect(lives).toBeLessThanOrEqual(seconds * 1.1);
});

test("a start fetches keys and recent users ahead, before anybody asks for them", async () => {
  await using world = await createWorld({ stack });
  await using redis = openRedis(world);
  const id = await world.client.send(hello);
  await world.delivery(id, "inbox", "sent");
  await redis.forget();
  expect([...(await redis.lives()).keys()]).toEqual([]);

  await world.restart();

  await eventually(async () => {
    const found = await redis.lives();
    return found.has("key") && found.has("user");
  });
});

/** What the world keeps in Redis: values alone, not locks, leases and limits. */
function openRedis({ app: { config } }: World) {
  const redis = new Redis(config.redisUrl ?? "");
  const names = async () => {
    const all = await redis.keys(`${config.redisPrefix}v1:*`);
    return all.filter((name) => !name.endsWith(":lease"));
  };
  return {
    /** By the first word of each key, the seconds it has to live. */
    async lives(): Promise<Map<string, number>> {
      const found = (await names()).map(
        async (name): Promise<[string, number]> => [
          /\{(\w+):/.exec(name)?.[1] ?? name,
          (await redis.pttl(name)) / 1000,
        ],
      );
      return new Map(await Promise.all(found));
    },
    async forget(): Promise<void> {
      await redis.unlink(await names());
    },
    [Symbol.asyncDispose]: async () => redis.disconnect(),
  };
}
