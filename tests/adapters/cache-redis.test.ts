import { expect, test } from "bun:test";
import { Redis } from "ioredis";
import { cacheContract } from "./cache.contract.ts";
import { staleContract } from "./cache-stale.contract.ts";
import { startOwnRedis } from "./own-redis.ts";
import { openRedisCache, sharedRedisUrl } from "./redis-cache.ts";

cacheContract("Redis", async () => (await openRedisCache()).cache);

staleContract("several processes on one Redis", async () => {
  const first = await openRedisCache();
  const others = [
    await openRedisCache({ redisPrefix: first.prefix }),
    await openRedisCache({ redisPrefix: first.prefix }),
  ];
  return [first, ...others].map(({ cache }) => cache);
});

test("a fetch that another process's deletion or write overtook is not kept", async () => {
  await using here = await openRedisCache();
  await using there = await openRedisCache({ redisPrefix: here.prefix });
  const overtake = [
    () => there.cache.delete(["user:1"]),
    () => there.cache.writeThrough("user:1", "new", async () => {}, 60),
    () => there.cache.mSet([{ key: "user:1", value: "new", ttlSeconds: 60 }]),
  ];
  for (const change of overtake) {
    const fetched = Promise.withResolvers<string>();
    const fetching = Promise.withResolvers<void>();
    const asked = here.cache.getOrSet(
      "user:1",
      () => {
        fetching.resolve();
        return fetched.promise;
      },
      60,
    );
    await fetching.promise;
    await change();
    fetched.resolve("old");
    await asked;
    expect(["new", undefined]).toContain((await here.cache.mGet<string>(["user:1"]))[0]);
    await here.cache.delete(["user:1"]);
  }
});

test("who asks for a key in one turn shares a read, and who asks after a change by another process sees that", async () => {
  await using here = await openRedisCache();
  await using there = await openRedisCache({ redisPrefix: here.prefix });
  await using admin = adminOf();
  const nobody = async () => "fetched";
  await here.cache.writeThrough("key:1", 0, async () => {}, 60);
  const gets = async () =>
    Number(/cmdstat_get:calls=(\d+)/.exec(await admin.redis.info("commandstats"))?.[1]);

  const before = await gets();
  const asked = Array.from({ length: 100 }, () => here.cache.getOrSet<unknown>("key:1", nobody, 60));
  expect(new Set(await Promise.all(asked))).toEqual(new Set([0]));
  // Others read on the same server.
  expect((await gets()) - before).toBeLessThan(50);

  for (let nth = 1; nth <= 100; nth += 1) {
    const earlier = here.cache.getOrSet<unknown>("key:1", nobody, 60);
    await there.cache.writeThrough("key:1", nth, async () => {}, 60);
    expect(await here.cache.getOrSet<unknown>("key:1", nobody, 60)).toBe(nth);
    await earlier;
  }
});

test("what is asked for in one turn goes to Redis as one pipeline", async () => {
  await using server = await startOwnRedis();
  await using world = await openRedisCache({ redisUrl: server.url });
  const keys = Array.from({ length: 500 }, (_, nth) => `user:${nth}`);
  await world.cache.mSet(keys.map((key) => ({ key, value: key, ttlSeconds: 60 })));
  const reads = async () => Number(/total_reads_processed:(\d+)/.exec(await server.admin.info("stats"))?.[1]);
  const rounds: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const before = await reads();
    const asked = keys.map((key) => world.cache.getOrSet(key, async () => "fetched", 60));
    expect(await Promise.all(asked)).toEqual(keys);
    rounds.push((await reads()) - before);
  }
  // The server reads 5 at most for the 500, and 23 to 164 where each command is written by itself.
  expect(Math.max(...rounds)).toBeLessThan(15);
});

test("a lease that was flushed away keeps nothing", async () => {
  await using world = await openRedisCache();
  await using admin = adminOf();
  const asked = world.cache.getOrSet(
    "user:1",
    async () => {
      const leases = await admin.redis.keys(`${world.prefix}*:lease`);
      expect(leases.length).toBe(1);
      await admin.redis.del(...leases);
      return "old";
    },
    60,
  );
  expect(await asked).toBe("old");
  expect(await world.cache.mGet(["user:1"])).toEqual([undefined]);
});

test("what cannot be parsed is fetched anew, and so is what an older serialisation wrote", async () => {
  await using world = await openRedisCache();
  await using admin = adminOf();
  await admin.redis.set(`${world.prefix}v1:{user:1}`, "{half");
  await admin.redis.set(`${world.prefix}v0:{user:2}`, '"old"');
  expect(await world.cache.mGet(["user:1", "user:2"])).toEqual([undefined, undefined]);
  expect(await world.cache.mGetOrSet(["user:1", "user:2"], async (keys) => keys, 60)).toEqual([
    "user:1",
    "user:2",
  ]);
  expect(await world.cache.mGet<string>(["user:1"])).toEqual(["user:1"]);
});

test("what is kept, leased, limited or locked ends by itself; nothing is kept for long", async () => {
  await using world = await openRedisCache();
  await using admin = adminOf();
  const { cache } = world;
  await cache.mGetOrSet(["user:1", "user:2"], async () => ["found", null], 1_000);
  await cache.getOrSet("user:3", () => Promise.reject(new Error("down")), 60).catch(() => {});
  await cache.writeThrough("user:4", 4, async () => {}, 1_000);
  await cache.rateLimitSlidingWindow("key:1", 10, 60);
  await cache.rateLimitSlidingWindow("key:2", 0, 60);
  await cache.acquireLock("sweep", 60);
  const names = await admin.redis.keys(`${world.prefix}*`);
  const ttls = new Map(
    await Promise.all(
      names.map(async (name) => [name.slice(world.prefix.length), await admin.redis.pttl(name)] as const),
    ),
  );
  expect(Math.min(...ttls.values())).toBeGreaterThan(0);
  const found = ttls.get("v1:{user:1}") ?? 0;
  expect(Math.abs(found - 1_000_000)).toBeLessThan(101_000);
  expect(ttls.get("v1:{user:2}")).toBeLessThan(66_001);
  expect([...ttls.keys()].sort()).toEqual([
    "limit:{key:1}",
    "lock:{sweep}",
    "lock:{sweep}:fence",
    "v1:{user:1}",
    "v1:{user:2}",
    "v1:{user:3}:lease",
    "v1:{user:4}",
  ]);
});

test("hits, commands, pool and the server's own figures are measured", async () => {
  await using world = await openRedisCache();
  const { cache, registry } = world;
  await cache.getOrSet("user:1", async () => 1, 60);
  await cache.mGetOrSet(["user:1", "key:1", "stray:1", "no-colon"], async (missing) => missing, 60);
  await cache.acquireLock("lock", 60);
  const text = await registry.metrics();
  expect(text).toContain('carillon_cache_requests_total{cache="user",result="hit"} 1');
  expect(text).toContain('carillon_cache_requests_total{cache="user",result="miss"} 1');
  expect(text).toContain('carillon_cache_requests_total{cache="key",result="miss"} 1');
  expect(text).toContain('carillon_cache_requests_total{cache="other",result="miss"} 2');
  expect(text).toMatch(/carillon_redis_commands_total\{command="get",result="ok"\} 1\n/);
  expect(text).toMatch(/carillon_redis_command_seconds_bucket\{le="\+Inf"\} [1-9]/);
  expect(text).toMatch(/carillon_redis_pool_size 2\n/);
  expect(text).toMatch(/carillon_redis_memory_bytes \d{5,}\n/);
  expect(text).toMatch(/carillon_redis_evicted_keys \d+\n/);
  expect(text).toContain("carillon_redis_circuit_open 0");
});

test("locks share a bounded number of connections", async () => {
  await using world = await openRedisCache({ redisPoolMin: 0, redisPoolMax: 3 });
  const names = Array.from({ length: 100 }, (_, index) => `lock:${index}`);
  const taken = await Promise.all(names.map((name) => world.cache.acquireLock(name, 60)));
  expect(taken.filter((lock) => lock !== null).length).toBe(100);
  expect(await world.registry.metrics()).toContain("carillon_redis_pool_size 3\n");
});

function adminOf() {
  const redis = new Redis(sharedRedisUrl());
  return {
    redis,
    async [Symbol.asyncDispose]() {
      redis.disconnect();
    },
  };
}
