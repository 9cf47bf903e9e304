import type { Cache } from "../ports.ts";
import type { CacheTelemetry } from "../telemetry-cache.ts";
import { cacheAside } from "./cache-aside.ts";
import { createCircuit } from "./redis-circuit.ts";
import { connectRedis, isCluster } from "./redis-connection.ts";
import { createInvalidations, dropFromRedis } from "./redis-invalidations.ts";
import { redisKeys } from "./redis-keys.ts";
import { createRedisLocks } from "./redis-locks.ts";
import { createRedisPool } from "./redis-pool.ts";
import { createRedisRateLimit } from "./redis-rate-limit.ts";
import { createReplica, type RedisReplica } from "./redis-replica.ts";
import { createRedisStore } from "./redis-store.ts";

export interface RedisCacheOptions {
  redisUrl: string;
  redisReplicaUrl: string | null;
  redisPrefix: string;
  redisTimeoutMs: number;
  redisPoolMin: number;
  redisPoolMax: number;
}

/**
 * The cache of all processes that share a Redis. Resolves even where Redis cannot be reached: that is logged,
 * and it is used as soon as it can be.
 */
export async function createRedisCache(
  options: RedisCacheOptions,
  telemetry: CacheTelemetry,
): Promise<Cache> {
  const { redisUrl: url, redisTimeoutMs: timeoutMs } = options;
  const keys = redisKeys(options.redisPrefix);
  const invalidations = createInvalidations(keys);
  const circuit = createCircuit({
    url,
    timeoutMs,
    duties: invalidations,
    probe: (connection) => dropFromRedis(connection, keys, ["probe"]),
    events: {
      ...telemetry,
      connected() {
        replica?.distrust(); // What was delivered just now may not have reached it.
        pool.warm();
      },
    },
  });
  const replica = replicaOf(options.redisReplicaUrl);

  function replicaOf(replicaUrl: string | null): RedisReplica | undefined {
    if (replicaUrl === null) return undefined;
    if (!isCluster(url))
      return createReplica({ url: replicaUrl, timeoutMs, primary: circuit, keys, telemetry });
    telemetry.replicaLeft("REDIS_URL is a cluster's, whose servers each have replicas of their own");
    return undefined;
  }

  const pool = createRedisPool({
    min: Math.min(options.redisPoolMin, options.redisPoolMax),
    max: options.redisPoolMax,
    timeoutMs,
    connect: (onLost) => connectRedis(url, { onLost, autoPipelining: false }),
  });
  const store = createRedisStore({ circuit, keys, lost: invalidations.add, replica });

  telemetry.watch({
    circuitOpen: () => circuit.connection() === undefined,
    replicaUsed: () => replica?.usable() ?? false,
    pool: pool.figures,
    pendingInvalidations: invalidations.size,
    // Not by the circuit: who may not ask for INFO can use it all the same.
    async info() {
      const masters = circuit.connection()?.masters() ?? [];
      return (await Promise.all(masters.map((master) => master.info()))).join("\n");
    },
  });
  await circuit.start();
  await replica?.start();

  return {
    ...cacheAside(store, telemetry),
    ...createRedisLocks({ circuit, pool, keys, timeoutMs, telemetry }),
    rateLimitSlidingWindow: createRedisRateLimit(circuit, keys, telemetry),
    available: () => circuit.connection() !== undefined,
    async close() {
      pool.close();
      replica?.close();
      circuit.close();
    },
  };
}
