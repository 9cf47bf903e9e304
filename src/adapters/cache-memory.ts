import type { Cache, Signals } from "../ports.ts";
import type { CacheTelemetry } from "../telemetry-cache.ts";
import { cacheAside, type Store } from "./cache-aside.ts";
import { createMemoryLocks, createMemoryRateLimit } from "./locks-memory.ts";
import { createForgetting } from "./memory-forget.ts";
import { createMemoryStore } from "./memory-store.ts";

interface MemoryCacheOptions {
  now?: () => number;
  /** Where other processes share the database: what one deletes, the others forget. */
  signals?: Signals;
  telemetry?: Pick<CacheTelemetry, "requested" | "watchMemory">;
}

/** The cache of a single process; with signals, of one among several. */
export function createMemoryCache({
  now = Date.now,
  signals,
  telemetry = { requested() {}, watchMemory() {} },
}: MemoryCacheOptions = {}): Cache {
  const own = createMemoryStore();
  telemetry.watchMemory(own);
  const forgetting = signals && createForgetting(own, signals);
  const store: Store = forgetting?.store ?? own;
  return {
    ...cacheAside(store, telemetry),
    ...createMemoryLocks(now),
    rateLimitSlidingWindow: createMemoryRateLimit(now),
    available: () => true,
    async close() {
      own.clear();
      forgetting?.close();
    },
  };
}
