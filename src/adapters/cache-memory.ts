import { LRUCache } from "lru-cache";
import type { Cache } from "../ports.ts";
import { createMemoryLocks, createMemoryRateLimit } from "./locks-memory.ts";

/** How many values are kept; the least recently used leave first. */
const maxEntries = 100_000;

/** Null and undefined are values too ("there is no such user"), so each is boxed. */
interface Box {
  value: unknown;
}

/** The cache of a single process. */
export function createMemoryCache({ now = Date.now }: { now?: () => number } = {}): Cache {
  const kept = new LRUCache<string, Box>({ max: maxEntries });
  const singleFetches = new Map<string, Promise<unknown>>();
  /** For each fetch under way, the keys that were deleted since it began: what it brings of them may be old. */
  const fetches = new Set<Set<string>>();

  async function mGetOrSet<T>(
    keys: string[],
    fetch: (missing: string[]) => Promise<T[]>,
    ttlSeconds: number,
  ): Promise<T[]> {
    const boxes = keys.map((key) => kept.get(key));
    const missing = keys.filter((_, index) => boxes[index] === undefined);
    if (missing.length === 0) return boxes.map((box) => box?.value as T);
    const deleted = new Set<string>();
    fetches.add(deleted);
    try {
      const fetched = await fetch(missing);
      const found = new Map(missing.map((key, index) => [key, { value: fetched[index] }]));
      for (const [key, box] of found) if (!deleted.has(key)) kept.set(key, box, { ttl: ttlSeconds * 1000 });
      return keys.map((key, index) => (boxes[index] ?? found.get(key))?.value as T);
    } finally {
      fetches.delete(deleted);
    }
  }

  async function forget(keys: string[]): Promise<void> {
    for (const key of keys) {
      kept.delete(key);
      singleFetches.delete(key);
      for (const deleted of fetches) deleted.add(key);
    }
  }

  return {
    ...createMemoryLocks(now),
    rateLimitSlidingWindow: createMemoryRateLimit(now),
    mGetOrSet,

    async getOrSet<T>(key: string, fetch: () => Promise<T>, ttlSeconds: number): Promise<T> {
      const found = kept.get(key);
      if (found !== undefined) return found.value as T;
      const underWay = singleFetches.get(key);
      if (underWay !== undefined) return underWay as Promise<T>;
      const fetched = mGetOrSet([key], async () => [await fetch()], ttlSeconds)
        .then(([value]) => value as T)
        .finally(() => {
          if (singleFetches.get(key) === fetched) singleFetches.delete(key);
        });
      singleFetches.set(key, fetched);
      return fetched;
    },

    async mGet<T>(keys: string[]) {
      return keys.map((key) => kept.get(key)?.value as T | undefined);
    },

    async mSet(entries) {
      for (const { key, value, ttlSeconds } of entries) kept.set(key, { value }, { ttl: ttlSeconds * 1000 });
    },

    async writeThrough(key, value, save, ttlSeconds) {
      const deleted = new Set<string>();
      await forget([key]);
      fetches.add(deleted);
      try {
        await save(value);
        const alone = !deleted.has(key);
        await forget([key]);
        if (alone) kept.set(key, { value }, { ttl: ttlSeconds * 1000 });
      } finally {
        fetches.delete(deleted);
      }
    },

    async prefetch(entries) {
      for (const { key, fetch, ttlSeconds } of entries) {
        if (kept.has(key)) continue;
        await mGetOrSet([key], async () => [await fetch()], ttlSeconds).catch(() => {});
      }
    },

    delete: forget,
    available: () => true,
    async close() {
      kept.clear();
    },
  };
}
