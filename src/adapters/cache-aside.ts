import type { Cache } from "../ports.ts";
import type { CacheTelemetry } from "../telemetry-cache.ts";
import { lifeMs } from "./cache-life.ts";

/** A value that may be kept, if nothing happened to its key since the lease was taken. */
export interface Fill {
  key: string;
  value: unknown;
  lease: string;
  ttlMs: number;
}

/** What is under a key that was not found, and the right to fill it; null where nobody may at the moment. */
export interface Leased {
  value: unknown;
  lease: string | null;
}

/**
 * Where values are kept. The rule that keeps them from growing stale is the leases' (after Nishtala et al.,
 * "Scaling Memcache at Facebook", 2013): who misses takes a lease BEFORE fetching, a key that is dropped or
 * written loses its lease, and only who still holds the lease may fill. A lease that was lost in any other
 * way (expired, evicted, flushed) counts as lost too. No method throws; `undefined` is "nothing is kept".
 */
export interface Store {
  /** The same as `read` for one key, which most reads are for. */
  readOne(key: string): unknown;
  read(keys: string[]): Promise<unknown[]> | unknown[];
  lease(keys: string[]): Promise<Leased[]> | Leased[];
  fill(fills: Fill[]): Promise<void> | void;
  put(entries: { key: string; value: unknown; ttlMs: number }[]): Promise<void> | void;
  drop(keys: string[]): Promise<void> | void;
  /** Drops the value and marks the key as being written: gives the writer's token; null where that failed. */
  begin(key: string): Promise<string | null> | string | null;
  /** Keeps the value if its writer was the only one since it began; where the value is undefined, nothing is kept. */
  finish(key: string, token: string | null, value: unknown, ttlMs: number): Promise<void> | void;
}

/** A fetch of one key. Who asks before it has begun may share what it brings. */
interface Flight {
  begun: boolean;
  value: Promise<unknown>;
}

type AsideCache = Pick<
  Cache,
  "getOrSet" | "mGetOrSet" | "mGet" | "mSet" | "writeThrough" | "prefetch" | "delete"
>;

/** Fetches of a warm-up that are under way at once. */
const prefetchesMax = 8;

/** Cache-aside, write-through and prefetching over a store; a cold key is fetched once in this process. */
export function cacheAside(store: Store, { requested }: Pick<CacheTelemetry, "requested">): AsideCache {
  const flights = new Map<string, Flight>();

  async function read(keys: string[]): Promise<unknown[]> {
    const kept = await store.read(keys);
    keys.forEach((key, index) => {
      requested(key, kept[index] !== undefined);
    });
    return kept;
  }

  async function mGetOrSet<T>(
    keys: string[],
    fetch: (missing: string[]) => Promise<T[]>,
    ttlSeconds: number,
  ): Promise<T[]> {
    // A fetch that began before we were asked may be older than a deletion the caller knows of: not for us.
    const older = flights.size === 0 ? undefined : new Set(keys.map((key) => begunFlight(key)));
    const kept = await read(keys);
    if (!kept.includes(undefined)) return kept as T[];
    const missing = new Set(keys.filter((_, index) => kept[index] === undefined));
    const shared = [...missing].flatMap((key) => {
      const flight = flights.get(key);
      return flight === undefined || older?.has(flight) ? [] : [{ key, value: flight.value }];
    });
    for (const { key } of shared) missing.delete(key);
    const flown = missing.size > 0 ? fly([...missing], fetch, ttlSeconds) : new Map<string, unknown>();
    const found = new Map(await flown);
    for (const { key, value } of shared) found.set(key, await value);
    return keys.map((key, index) => (kept[index] === undefined ? found.get(key) : kept[index]) as T);
  }

  function begunFlight(key: string): Flight | undefined {
    const flight = flights.get(key);
    return flight?.begun ? flight : undefined;
  }

  /** Fetches what is missing and keeps it, for all who ask for any of it until the fetch begins. */
  function fly(
    keys: string[],
    fetch: (missing: string[]) => Promise<unknown[]>,
    ttlSeconds: number,
  ): Promise<Map<string, unknown>> {
    const landed = fetchMissing();
    const own = keys.map((key) => {
      const value = landed.then((values) => values.get(key));
      value.catch(() => {}); // Whoever shares it hears of the error; often nobody does.
      const flight = { begun: false, value };
      flights.set(key, flight);
      return { key, flight };
    });
    landed
      .catch(() => {})
      .finally(() => {
        for (const { key, flight } of own) if (flights.get(key) === flight) flights.delete(key);
      });
    return landed;

    async function fetchMissing(): Promise<Map<string, unknown>> {
      const leased = await store.lease(keys);
      const found = new Map<string, unknown>();
      const leases = new Map<string, string | null>();
      keys.forEach((key, index) => {
        const { value, lease } = leased[index] as Leased;
        if (value === undefined) leases.set(key, lease);
        else found.set(key, value);
      });
      if (leases.size === 0) return found;
      for (const { flight } of own) flight.begun = true;
      const missing = [...leases.keys()];
      const fetched = await fetch(missing);
      const fills: Fill[] = [];
      missing.forEach((key, index) => {
        const value = fetched[index];
        const lease = leases.get(key);
        found.set(key, value);
        if (lease && value !== undefined) fills.push({ key, value, lease, ttlMs: lifeMs(value, ttlSeconds) });
      });
      if (fills.length > 0) await store.fill(fills);
      return found;
    }
  }

  return {
    mGetOrSet,

    async getOrSet<T>(key: string, fetch: () => Promise<T>, ttlSeconds: number): Promise<T> {
      // As above; but rather than to fetch at the same time, wait for it and look again.
      const older = begunFlight(key);
      if (older !== undefined) await older.value.catch(() => {});
      const kept = await store.readOne(key);
      requested(key, kept !== undefined);
      if (kept !== undefined) return kept as T;
      const flight = flights.get(key); // Began after we were asked, if at all.
      if (flight !== undefined) return flight.value as Promise<T>;
      const flown = await fly([key], async () => [await fetch()], ttlSeconds);
      return flown.get(key) as T;
    },

    async mGet<T>(keys: string[]) {
      return (await read(keys)) as (T | undefined)[];
    },

    async mSet(entries) {
      await store.put(
        entries
          .filter(({ value }) => value !== undefined)
          .map(({ key, value, ttlSeconds }) => ({ key, value, ttlMs: lifeMs(value, ttlSeconds) })),
      );
    },

    async writeThrough(key, value, save, ttlSeconds) {
      const token = await store.begin(key);
      let saved: unknown;
      try {
        await save(value);
        saved = value;
      } finally {
        flights.delete(key);
        await store.finish(key, token, saved, lifeMs(value, ttlSeconds));
      }
    },

    async prefetch(entries) {
      const kept = await store.read(entries.map(({ key }) => key));
      const cold = entries.filter((_, index) => kept[index] === undefined).values();
      const fetchNext = async () => {
        for (const { key, fetch, ttlSeconds } of cold) {
          if (!flights.has(key)) await fly([key], async () => [await fetch()], ttlSeconds).catch(() => {});
        }
      };
      await Promise.all(Array.from({ length: Math.min(prefetchesMax, entries.length) }, fetchNext));
    },

    async delete(keys) {
      for (const key of keys) flights.delete(key);
      if (keys.length > 0) await store.drop(keys);
    },
  };
}
