import { describe, expect, test } from "bun:test";
import { type Cache, CacheUnavailable } from "../../src/ports.ts";
import { eventually, holdsUntil } from "../eventually.ts";
import { createRandomWorld } from "./cache-stale.contract.ts";
import { type OwnRedis, startOwnRedis } from "./own-redis.ts";
import { openRedisCache } from "./redis-cache.ts";

const timeoutMs = 250;
const open = (server: OwnRedis, options = {}) =>
  openRedisCache({ redisUrl: server.url, redisTimeoutMs: timeoutMs, ...options });

async function measured<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const startMs = performance.now();
  const result = await work();
  return { result, ms: performance.now() - startMs };
}

/** Every method goes on, by itself or by what it is given, and none takes as long as a command may. */
async function expectUnavailable(cache: Cache): Promise<void> {
  expect(cache.available()).toBe(false);
  const { ms } = await measured(async () => {
    expect(await cache.getOrSet("user:1", async () => "fetched", 60)).toBe("fetched");
    expect(await cache.mGetOrSet(["user:1", "user:2"], async (keys) => keys, 60)).toEqual([
      "user:1",
      "user:2",
    ]);
    expect(await cache.mGet(["user:1"])).toEqual([undefined]);
    await cache.mSet([{ key: "user:1", value: 1, ttlSeconds: 60 }]);
    await cache.writeThrough("user:1", "saved", async () => {}, 60);
    await cache.prefetch([{ key: "user:1", fetch: async () => 1, ttlSeconds: 60 }]);
    await cache.delete(["user:1"]);
    const refused = [
      cache.rateLimitSlidingWindow("key", 1, 60),
      cache.acquireLock("lock", 60),
      cache.renewLock("lock", "token", 60),
      cache.releaseLock("lock", "token"),
    ];
    for (const one of await Promise.allSettled(refused)) {
      expect(one.status === "rejected" && one.reason).toBeInstanceOf(CacheUnavailable);
    }
  });
  expect(ms).toBeLessThan(timeoutMs);
}

describe("while Redis is out of reach", () => {
  test("the work goes on without it, and with it again once it is back", async () => {
    await using server = await startOwnRedis();
    await using world = await open(server);
    const { cache, logged } = world;
    expect(await cache.getOrSet("user:1", async () => "before", 60)).toBe("before");

    await server.kill();
    await eventually(() => !cache.available());
    await expectUnavailable(cache);

    await server.restart();
    await eventually(() => cache.available());
    expect(await cache.getOrSet("user:1", async () => "after", 60)).toBe("after");
    expect(await cache.getOrSet("user:1", async () => "late", 60)).toBe("after");
    expect(await cache.acquireLock("lock", 60)).not.toBeNull();
    expect(logged.map(({ message }) => message)).toEqual([
      "Redis does not answer; going on without it",
      "Redis answers",
    ]);
  });

  test("one that hangs holds up nobody for longer than a command may take", async () => {
    await using server = await startOwnRedis();
    await using world = await open(server);
    const { cache } = world;
    await cache.mSet([{ key: "user:1", value: "kept", ttlSeconds: 60 }]);

    server.pause();
    const first = await measured(() => cache.getOrSet("user:1", async () => "fetched", 60));
    expect(first.result).toBe("fetched");
    expect(first.ms).toBeLessThan(timeoutMs * 2);
    await expectUnavailable(cache);
    const pausedMs = performance.now();
    // By then it was tried several times to reach it again, with pauses of up to 2 s: no call may wait for that.
    const wasTriedAgain = () => performance.now() - pausedMs > 3_000;
    await holdsUntil(wasTriedAgain, async () => {
      const asked = await measured(() => cache.getOrSet("user:2", async () => "fetched", 60));
      expect(asked.ms).toBeLessThan(timeoutMs);
    });
    server.resume();
    await eventually(() => cache.available());
    expect(await cache.mGet(["user:1"])).toEqual([undefined]); // Deleted by `expectUnavailable`.
    expect(world.logged.length).toBe(2);
  }, 20_000);

  test("a cache opens all the same, and says why it cannot be used", async () => {
    await using server = await startOwnRedis();
    await server.admin.config("SET", "requirepass", "secret-42");
    await using refused = await openRedisCache({ redisUrl: server.url.replace("//", "//:wrong-42@") });
    expect(refused.cache.available()).toBe(false);
    expect(refused.logged[0]?.reason).toContain("WRONGPASS");
    expect(JSON.stringify(refused.logged)).not.toContain("wrong-42");
    await using nowhere = await openRedisCache({ redisUrl: "redis://127.0.0.1:1" });
    expect(nowhere.logged[0]?.reason).toContain("ECONNREFUSED");
    await using right = await openRedisCache({ redisUrl: server.url.replace("//", "//:secret-42@") });
    expect(right.cache.available()).toBe(true);
  });

  test("200,000 calls cost no memory", async () => {
    await using world = await openRedisCache({ redisUrl: "redis://127.0.0.1:1" });
    const { cache } = world;
    const ask = async (calls: number) => {
      for (let call = 0; call < calls; call += 100) {
        const batch = Array.from({ length: 100 }, (_, index) =>
          cache.getOrSet(`user:${call + index}`, async () => ({ call }), 60),
        );
        await Promise.all([...batch, cache.delete([`user:${call % 1_000}`])]);
      }
    };
    const collectedMb = () => {
      Bun.gc(true);
      return process.memoryUsage().rss / 1_048_576;
    };
    await ask(50_000);
    const beforeMb = collectedMb();
    await ask(200_000);
    // One collection may leave some 35 MB of garbage behind; what is kept, none removes.
    await eventually(() => {
      expect(collectedMb() - beforeMb).toBeLessThan(30);
      return true;
    });
  }, 60_000);

  test("a server that lost all it kept makes fences rise all the same", async () => {
    await using server = await startOwnRedis();
    await using world = await open(server);
    const before = await world.cache.acquireLock("lock", 60);
    await world.cache.getOrSet("user:1", async () => "before", 60);
    await server.admin.flushall();
    await server.admin.script("FLUSH");
    const after = await world.cache.acquireLock("lock", 60);
    expect(after?.fence).toBeGreaterThan(before?.fence ?? Number.POSITIVE_INFINITY);
    expect(await world.cache.getOrSet("user:1", async () => "after", 60)).toBe("after");
  });

  test("a server that is full gives what was fetched", async () => {
    await using server = await startOwnRedis();
    await using world = await open(server);
    await world.cache.mSet([{ key: "user:1", value: "old", ttlSeconds: 60 }]);
    await server.admin.config("SET", "maxmemory", "1");
    await server.admin.config("SET", "maxmemory-policy", "noeviction");
    await world.cache.delete(["user:1"]);
    expect(await world.cache.getOrSet("user:1", async () => "new", 60)).toBe("new");
    await world.cache.writeThrough("user:1", "newer", async () => {}, 60);
    expect(["newer", undefined]).toContain((await world.cache.mGet<string>(["user:1"]))[0]);
    expect(world.cache.available()).toBe(true);
  });
});

describe("what Redis did not hear of", () => {
  test("is delivered before it is read again", async () => {
    await using server = await startOwnRedis();
    await using world = await open(server);
    await using other = await open(server, { redisPrefix: world.prefix });
    const keys = Array.from({ length: 1_200 }, (_, index) => `user:${index}`);
    await world.cache.mSet(keys.map((key) => ({ key, value: "old", ttlSeconds: 60 })));

    server.pause();
    await world.cache.delete(keys);
    const metrics = await world.registry.metrics();
    expect(metrics).toContain("carillon_redis_pending_invalidations 1200");
    expect(metrics).toContain("carillon_redis_circuit_open 1");
    server.resume();

    const anew = (cache: Cache) => cache.mGetOrSet(keys, async (missing) => missing.map(() => "new"), 60);
    const expected = keys.map(() => "new");
    // Never an old one, before and after it is back.
    await holdsUntil(world.cache.available, async () => expect(await anew(world.cache)).toEqual(expected));
    await eventually(() => other.cache.available());
    expect(await anew(other.cache)).toEqual(expected);
  }, 20_000);

  test("is remembered as everything beyond a bound, and everything of ours goes", async () => {
    await using server = await startOwnRedis();
    await using world = await open(server);
    await using stranger = await open(server);
    const entries = Array.from({ length: 3_000 }, (_, index) => ({
      key: `user:${index}`,
      value: 1,
      ttlSeconds: 60,
    }));
    await world.cache.mSet(entries);
    await stranger.cache.mSet(entries);
    const lock = await world.cache.acquireLock("lock", 60);

    server.pause();
    await world.cache.delete(["user:0"]);
    for (let from = 0; from < 110_000; from += 10_000) {
      await world.cache.delete(Array.from({ length: 10_000 }, (_, index) => `gone:${from + index}`));
    }
    expect(await world.registry.metrics()).toMatch(/carillon_redis_pending_invalidations \d{1,5}\n/);
    server.resume();
    await eventually(() => world.cache.available() && stranger.cache.available());
    expect(new Set(await world.cache.mGet(entries.map(({ key }) => key)))).toEqual(new Set([undefined]));
    expect(new Set(await stranger.cache.mGet(entries.map(({ key }) => key)))).toEqual(new Set([1]));
    expect(await world.cache.renewLock("lock", lock?.token ?? "", 60)).toBe(true);
  }, 20_000);

  test("leaves nothing old behind, whatever happens to Redis while many read and write", async () => {
    await using server = await startOwnRedis();
    const options = { redisPrefix: "test:", redisTimeoutMs: 50 };
    const worlds = [await open(server, options), await open(server, options)];
    const caches = worlds.map(({ cache }) => cache);
    const available = (expected: boolean) => () => caches.some((cache) => cache.available() === expected);
    const disturbances = [
      async () => {
        server.pause();
        await eventually(available(false));
        server.resume();
      },
      () => server.admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
      () => server.admin.flushall(),
    ];
    for (let round = 0; round < 2; round++) {
      for (const disturb of disturbances) {
        await eventually(() => caches.every((cache) => cache.available()));
        const world = createRandomWorld(caches, 300); // So many that most are kept when it happens.
        await caches[0]?.mGetOrSet(world.keys, async (missing) => missing.map(() => 0), 60);
        let disturbed = false;
        const actUntilDone = async () => {
          do await world.act();
          while (!disturbed);
        };
        const acting = Promise.all(Array.from({ length: 40 }, actUntilDone));
        await disturb();
        disturbed = true;
        await acting;
        await eventually(() => caches.every((cache) => cache.available()));
        await world.expectNothingOld();
        await caches[0]?.delete(world.keys);
      }
    }
    for (const { cache } of worlds) await cache.close();
  }, 60_000);
});

describe("a Redis that answers", () => {
  test("and takes no writes, as after a failover, is left alone with one word until it takes some", async () => {
    await using primary = await startOwnRedis();
    await using server = await startOwnRedis();
    await using world = await open(server);
    const { cache, logged } = world;
    await server.admin.replicaof("127.0.0.1", primary.port);
    await eventually(async () => {
      await cache.mSet([{ key: "user:1", value: 1, ttlSeconds: 60 }]);
      return !cache.available();
    });
    // For as long as it would have tried several times.
    const endMs = performance.now() + 2000;
    await holdsUntil(
      () => performance.now() > endMs,
      async () => expect(cache.available()).toBe(false),
    );
    expect(logged.map(({ message }) => message)).toEqual(["Redis does not answer; going on without it"]);
    expect(logged[0]?.reason).toMatch(/READONLY/);
    await server.admin.replicaof("NO", "ONE");
    await eventually(() => cache.available());
    expect(logged).toHaveLength(2);
  });

  test("but not to INFO is used all the same", async () => {
    await using server = await startOwnRedis();
    await server.admin.acl("SETUSER", "app", "on", ">secret", "~*", "&*", "+@all", "-info");
    const url = new URL(server.url);
    Object.assign(url, { username: "app", password: "secret" });
    await using world = await openRedisCache({ redisUrl: url.href, redisTimeoutMs: timeoutMs });
    for (let nth = 0; nth < 3; nth += 1) await world.registry.metrics();
    expect(world.cache.available()).toBe(true);
    expect(await world.cache.getOrSet("user:1", async () => "fetched", 60)).toBe("fetched");
    expect(world.logged).toEqual([]);
  });

  test("and cannot count, since it is full, says so once", async () => {
    await using server = await startOwnRedis();
    await using world = await open(server);
    const { cache, logged } = world;
    await server.admin.config("SET", "maxmemory", "1", "maxmemory-policy", "noeviction");
    const count = () => cache.rateLimitSlidingWindow("key", 5, 60);
    await count(); // While its script is loaded it is let pass.
    for (let nth = 0; nth < 3; nth += 1) await expect(count()).rejects.toBeInstanceOf(CacheUnavailable);
    expect(logged.map(({ message }) => message)).toEqual([
      "Redis refuses to count requests: limits are not kept, or refuse all",
    ]);
    await server.admin.config("SET", "maxmemory", "0");
    expect(await count()).toMatchObject({ allowed: true, remaining: 3 });
    expect(logged).toHaveLength(2);
  });
});
