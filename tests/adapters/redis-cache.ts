/** Redis caches of a test's own: each under its own prefix, on the shared server or on one that is given. */
import { Registry } from "prom-client";
import { createRedisCache, type RedisCacheOptions } from "../../src/adapters/cache-redis.ts";
import type { Cache } from "../../src/ports.ts";
import { createCacheTelemetry } from "../../src/telemetry-cache.ts";

export interface TestCache extends AsyncDisposable {
  cache: Cache;
  registry: Registry;
  prefix: string;
  /** What was logged, in order. */
  logged: { message: string; [field: string]: unknown }[];
}

/** @throws Error where no server is given and TEST_REDIS_URL names none */
export function sharedRedisUrl(): string {
  const url = Bun.env.TEST_REDIS_URL;
  if (url === undefined) throw new Error("set TEST_REDIS_URL, the address of a Redis for tests");
  return url;
}

export async function openRedisCache(options: Partial<RedisCacheOptions> = {}): Promise<TestCache> {
  const registry = new Registry();
  const logged: TestCache["logged"] = [];
  const telemetry = createCacheTelemetry({
    registry,
    log: (_, message, fields) => void logged.push({ message, ...fields }),
    names: ["user", "key"],
  });
  const prefix = options.redisPrefix ?? `test:${crypto.randomUUID()}:`;
  const cache = await createRedisCache(
    {
      redisUrl: options.redisUrl ?? sharedRedisUrl(),
      redisReplicaUrl: null,
      redisPrefix: prefix,
      redisTimeoutMs: 2_000, // The machine of a test may be busy; tests of the timeout set their own.
      redisPoolMin: 2,
      redisPoolMax: 10,
      ...options,
    },
    telemetry,
  );
  return { cache, registry, prefix, logged, [Symbol.asyncDispose]: () => cache.close() };
}
