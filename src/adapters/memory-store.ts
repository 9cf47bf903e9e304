import { LRUCache } from "lru-cache";
import type { Leased, Store } from "./cache-aside.ts";

/** How many values are kept; the least recently used leave first. */
const valuesMax = 100_000;

/** Characters that values which are texts have together at most. */
const textCharsMax = 64 * 1024 * 1024;

/** Keys that are being fetched or written. One whose lease was pushed out is not kept, no more. */
const leasesMax = 10_000;

/** A reader's lease; a writer's; or `saving` of several writers, of whom nobody knows which comes last. */
type Lease =
  | { kind: "read"; token: string }
  | { kind: "write"; token: string }
  | { kind: "contested"; saving: number };

export interface MemoryStore extends Store {
  /** Values that are kept. */
  size(): number;
  /** Values that had to leave for others since the start. */
  evicted(): number;
  drop(keys: string[]): void;
  /** Forgets every value, and lets no fetch or write that is under way keep its own. */
  clear(): void;
}

/** Values in the memory of this process, by the same rules as in Redis (redis-scripts.ts). */
export function createMemoryStore(): MemoryStore {
  let evicted = 0;
  const values = new LRUCache<string, NonNullable<unknown>>({
    max: valuesMax,
    maxSize: textCharsMax,
    sizeCalculation: (value) => (typeof value === "string" ? value.length + 1 : 1),
    dispose(_value, _key, why) {
      if (why === "evict") evicted += 1;
    },
  });
  const leases = new LRUCache<string, Lease>({ max: leasesMax });
  let lastToken = 0;
  const newToken = () => String(++lastToken);

  /** True where the key is being written. */
  function breakLease(key: string): boolean {
    const lease = leases.get(key);
    if (lease?.kind === "read") leases.delete(key);
    if (lease?.kind === "write") leases.set(key, { kind: "contested", saving: 1 });
    return lease !== undefined && lease.kind !== "read";
  }

  function keep(key: string, value: unknown, ttlMs: number): void {
    values.set(key, value === null ? nothing : (value as NonNullable<unknown>), { ttl: ttlMs });
  }

  function readOne(key: string): unknown {
    const value = values.get(key);
    return value === nothing ? null : value;
  }

  return {
    size: () => values.size,
    evicted: () => evicted,
    readOne,
    read: (keys) => keys.map(readOne),

    lease: (keys) =>
      keys.map((key): Leased => {
        let lease = leases.get(key);
        if (lease === undefined) {
          lease = { kind: "read", token: newToken() };
          leases.set(key, lease);
        }
        return { value: readOne(key), lease: lease.kind === "read" ? lease.token : null };
      }),

    fill(fills) {
      for (const { key, value, lease, ttlMs } of fills) {
        const current = leases.get(key);
        if (current?.kind !== "read" || current.token !== lease) continue;
        leases.delete(key);
        keep(key, value, ttlMs);
      }
    },

    put(entries) {
      for (const { key, value, ttlMs } of entries) {
        if (breakLease(key)) values.delete(key);
        else keep(key, value, ttlMs);
      }
    },

    drop(keys) {
      for (const key of keys) {
        values.delete(key);
        breakLease(key);
      }
    },

    begin(key) {
      values.delete(key);
      const lease = leases.get(key);
      const token = newToken();
      if (lease === undefined || lease.kind === "read") leases.set(key, { kind: "write", token });
      else if (lease.kind === "write") leases.set(key, { kind: "contested", saving: 2 });
      else lease.saving += 1;
      return token;
    },

    finish(key, token, value, ttlMs) {
      values.delete(key);
      const lease = leases.get(key);
      if (lease?.kind === "contested" && lease.saving > 1) lease.saving -= 1;
      else if (lease?.kind === "write" && lease.token !== token) breakLease(key);
      else {
        leases.delete(key);
        if (lease?.kind === "write" && value !== undefined) keep(key, value, ttlMs);
      }
    },

    clear() {
      values.clear();
      for (const key of [...leases.keys()]) breakLease(key);
    },
  };
}

/** Stands for null, which the store of values does not take. */
const nothing = Symbol("nothing");
