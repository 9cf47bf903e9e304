import { expect } from "bun:test";
import { eventually } from "../eventually.ts";
import type { CacheTest } from "./cache.contract.ts";

/** Locks: one owner at a time, for its time, with a fence. */
export function locksContract(withCache: CacheTest): void {
  withCache("gives a lock to one of many", async (cache) => {
    const taken = await Promise.all(Array.from({ length: 50 }, () => cache.acquireLock("lock", 60)));
    expect(taken.filter((lock) => lock !== null).length).toBe(1);
    expect(await cache.acquireLock("other", 60)).not.toBeNull();
  });

  withCache("lets only its owner renew or release it", async (cache) => {
    const lock = await cache.acquireLock("lock", 60);
    const token = lock?.token ?? "";
    expect(await cache.renewLock("lock", "stranger", 60)).toBe(false);
    expect(await cache.releaseLock("lock", "stranger")).toBe(false);
    expect(await cache.renewLock("lock", token, 60)).toBe(true);
    expect(await cache.acquireLock("lock", 60)).toBeNull();
    expect(await cache.releaseLock("lock", token)).toBe(true);
    expect(await cache.releaseLock("lock", token)).toBe(false);
    expect(await cache.renewLock("lock", token, 60)).toBe(false);
  });

  withCache("frees a lock whose time is over, and its late owner does not hold it", async (cache) => {
    const late = await cache.acquireLock("lock", 0.1);
    const next = await eventually(() => cache.acquireLock("lock", 60));
    expect(await cache.renewLock("lock", late?.token ?? "", 60)).toBe(false);
    expect(await cache.releaseLock("lock", late?.token ?? "")).toBe(false);
    expect(await cache.renewLock("lock", next.token, 60)).toBe(true);
  });

  withCache("holds a renewed lock for longer", async (cache) => {
    const lock = await cache.acquireLock("lock", 0.2);
    expect(await cache.renewLock("lock", lock?.token ?? "", 60)).toBe(true);
    await cache.acquireLock("timer", 0.3);
    await eventually(() => cache.acquireLock("timer", 60));
    expect(await cache.acquireLock("lock", 60)).toBeNull();
  });

  withCache("raises the fence with every owner", async (cache) => {
    let last = 0;
    for (let round = 0; round < 20; round++) {
      const lock = await cache.acquireLock("lock", 60);
      expect(lock?.fence).toBeGreaterThan(last);
      last = lock?.fence ?? 0;
      await cache.releaseLock("lock", lock?.token ?? "");
    }
  });
}
