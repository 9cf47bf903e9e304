import type { Cache } from "../ports.ts";
import { CacheUnavailable } from "../ports.ts";
import type { CacheTelemetry } from "../telemetry-cache.ts";
import { slotMsOf } from "./rate-window.ts";
import type { Circuit } from "./redis-circuit.ts";
import type { RedisKeys } from "./redis-keys.ts";

/** The sliding window, by the server's clock (redis-scripts.ts). */
export function createRedisRateLimit(
  circuit: Circuit,
  keys: RedisKeys,
  events: Pick<CacheTelemetry, "countingRefused" | "countingAgain">,
): Cache["rateLimitSlidingWindow"] {
  return async (key, max, windowSeconds) => {
    const windowMs = Math.max(1, Math.round(windowSeconds * 1000));
    try {
      const [allowed, remaining, resetMs] = await circuit.run("rateLimit", ({ client }) =>
        client.rateLimit(keys.limit(key), max, windowMs, slotMsOf(windowMs)),
      );
      events.countingAgain();
      return { allowed: allowed === 1, remaining, resetMs };
    } catch (error) {
      if (error instanceof CacheUnavailable) throw error;
      events.countingRefused(error as Error);
      throw new CacheUnavailable("Redis refused the limit's script", { cause: error });
    }
  };
}
