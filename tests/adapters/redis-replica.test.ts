import { expect, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { type OwnRedis, startOwnRedis } from "./own-redis.ts";
import { openRedisCache, type TestCache } from "./redis-cache.ts";

async function primaryWithReplica() {
  const primary = await startOwnRedis(["--repl-diskless-sync-delay", "0"]);
  const replica = await startOwnRedis(["--replicaof", "127.0.0.1", String(primary.port)]);
  const world = await openRedisCache({
    redisUrl: primary.url,
    redisReplicaUrl: replica.url,
    redisTimeoutMs: 250,
  });
  await replicaUsed(world, true);
  return {
    primary,
    replica,
    world,
    async [Symbol.asyncDispose]() {
      await world.cache.close();
      await replica[Symbol.asyncDispose]();
      await primary[Symbol.asyncDispose]();
    },
  };
}

const replicaUsed = (world: TestCache, used: boolean) =>
  eventually(async () =>
    (await world.registry.metrics()).includes(`carillon_redis_replica_used ${Number(used)}`),
  );

async function getsOf({ admin }: OwnRedis): Promise<number> {
  const found = /cmdstat_get:calls=(\d+)/.exec(await admin.info("commandstats"));
  return Number(found?.[1] ?? 0);
}

test("hits come from the replica, and what this process changed from the primary", async () => {
  await using parts = await primaryWithReplica();
  const { replica, world } = parts;
  // Put there by another process long ago.
  await parts.primary.admin.set(`${world.prefix}v1:{user:1}`, '"kept"');
  await eventually(() => replica.admin.get(`${world.prefix}v1:{user:1}`));
  const before = await getsOf(replica);
  for (let read = 0; read < 50; read++) {
    expect(await world.cache.getOrSet<unknown>("user:1", async () => "fetched", 60)).toBe("kept");
  }
  expect((await getsOf(replica)) - before).toBeGreaterThanOrEqual(50);

  for (let version = 0; version < 200; version++) {
    await world.cache.delete(["user:1"]);
    expect(await world.cache.getOrSet<unknown>("user:1", async () => version, 60)).toBe(version);
  }
});

test("while the replica does not answer, the primary does, and the replica again once it is back", async () => {
  await using parts = await primaryWithReplica();
  const { replica, world } = parts;
  await parts.primary.admin.set(`${world.prefix}v1:{user:1}`, '"kept"');
  replica.pause();
  expect(await world.cache.mGet<string>(["user:1"])).toEqual(["kept"]);
  await replicaUsed(world, false);
  const startMs = performance.now();
  expect(await world.cache.mGet<string>(["user:1"])).toEqual(["kept"]);
  expect(performance.now() - startMs).toBeLessThan(200);
  expect(world.cache.available()).toBe(true);
  replica.resume();
  await replicaUsed(world, true);

  await replica.kill();
  await replicaUsed(world, false);
  expect(await world.cache.mGet<string>(["user:1"])).toEqual(["kept"]);
}, 20_000);

test("a replica that lost its primary, and answers, is not read from", async () => {
  await using parts = await primaryWithReplica();
  const { primary, replica, world } = parts;
  await primary.admin.set(`${world.prefix}v1:{user:1}`, '"old"');
  await eventually(() => replica.admin.get(`${world.prefix}v1:{user:1}`));
  await replica.admin.replicaof("127.0.0.1", 1);
  await primary.admin.set(`${world.prefix}v1:{user:1}`, '"new"');
  const changedMs = performance.now();
  await replicaUsed(world, false);
  expect(performance.now() - changedMs).toBeLessThan(4_000);
  expect(await world.cache.mGet<string>(["user:1"])).toEqual(["new"]);
  await eventually(() => world.logged.length === 2);
  expect(world.logged.map(({ message }) => message)).toEqual([
    "reading from the Redis replica",
    "the Redis replica cannot be used; reading from the primary",
  ]);
}, 20_000);
