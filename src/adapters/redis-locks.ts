import { type Cache, CacheUnavailable } from "../ports.ts";
import type { CacheTelemetry } from "../telemetry-cache.ts";
import type { Circuit } from "./redis-circuit.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { createDeadlines } from "./redis-deadline.ts";
import type { RedisKeys } from "./redis-keys.ts";
import type { RedisPool } from "./redis-pool.ts";

/** Redis takes whole milliseconds. */
const msOf = (seconds: number) => Math.max(1, Math.round(seconds * 1000));

/** The last fence of a lock is remembered for a week after it was last taken; the server's clock is far beyond it then. */
const fenceMsMax = 7 * 86_400_000;

interface RedisLocksOptions {
  circuit: Circuit;
  pool: RedisPool;
  keys: RedisKeys;
  timeoutMs: number;
  telemetry: Pick<CacheTelemetry, "commandEnded">;
}

/**
 * Locks in one Redis (SET NX PX with a token: Redis documentation, "Distributed locks"). They are as safe as
 * that one server: one that failed over to a replica may give a lock twice, so what must not happen twice
 * checks the fence. A lock whose answer was lost is free again after its time to live.
 */
export function createRedisLocks({
  circuit,
  pool,
  keys,
  timeoutMs,
  telemetry,
}: RedisLocksOptions): Pick<Cache, "acquireLock" | "renewLock" | "releaseLock"> {
  const deadlines = createDeadlines(timeoutMs);

  async function run<T>(name: string, command: (connection: RedisConnection) => Promise<T>): Promise<T> {
    if (circuit.connection() === undefined) throw new CacheUnavailable("Redis cannot be reached");
    try {
      const used = pool.use((connection) => deadlines.within(command(connection), counted(name)));
      return await deadlines.within(used); // Getting a connection takes its time, too.
    } catch (error) {
      if (error instanceof CacheUnavailable) throw error;
      throw new CacheUnavailable("Redis did not answer", { cause: error });
    }
  }

  const counted = (name: string) => (ms: number, error: unknown) => {
    telemetry.commandEnded(name, ms, error === undefined);
    return error;
  };

  return {
    async acquireLock(name, ttlSeconds) {
      const token = crypto.randomUUID();
      const fence = await run("lockAcquire", ({ client }) =>
        client.lockAcquire(keys.lock(name), keys.fence(name), token, msOf(ttlSeconds), fenceMsMax),
      );
      return fence === null ? null : { token, fence: Number(fence) };
    },
    async renewLock(name, token, ttlSeconds) {
      return (
        (await run("lockRenew", ({ client }) =>
          client.lockRenew(keys.lock(name), token, msOf(ttlSeconds)),
        )) === 1
      );
    },
    async releaseLock(name, token) {
      return (await run("lockRelease", ({ client }) => client.lockRelease(keys.lock(name), token))) === 1;
    },
  };
}
