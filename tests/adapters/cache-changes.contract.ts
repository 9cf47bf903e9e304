import { expect } from "bun:test";
import type { CacheTest } from "./cache.contract.ts";

/** What is written and deleted, also while others fetch. */
export function changesContract(withCache: CacheTest): void {
  withCache("does not keep what was deleted while it was being fetched", async (cache) => {
    const old = Promise.withResolvers<string>();
    const fetching = Promise.withResolvers<void>();
    const asked = cache.getOrSet(
      "key",
      () => {
        fetching.resolve();
        return old.promise;
      },
      60,
    );
    await fetching.promise;
    await cache.delete(["key"]);
    const anew = cache.getOrSet("key", async () => "new", 60);
    old.resolve("old");
    expect(await asked).toBe("old");
    expect(await anew).toBe("new");
    expect(await cache.getOrSet("key", async () => "newer", 60)).toBe("new");
  });

  withCache("fetches a deleted key anew", async (cache) => {
    await cache.mSet(["a", "b", "c"].map((key) => ({ key, value: "old", ttlSeconds: 60 })));
    await cache.delete(["a", "b", "never kept"]);
    await cache.delete([]);
    expect(await cache.mGet(["a", "b", "c"])).toEqual([undefined, undefined, "old"]);
    expect(await cache.getOrSet("a", async () => "new", 60)).toBe("new");
  });

  withCache("keeps what was written through, once it is saved", async (cache) => {
    const saved: string[] = [];
    await cache.getOrSet("key", async () => "old", 60);
    await cache.writeThrough(
      "key",
      "new",
      async (value) => {
        expect(await cache.mGet(["key"])).toEqual([undefined]);
        saved.push(value);
      },
      60,
    );
    expect(saved).toEqual(["new"]);
    expect(await cache.mGet(["key"])).toEqual(["new"]);
  });

  withCache("keeps nothing that could not be saved", async (cache) => {
    await cache.getOrSet("key", async () => "old", 60);
    const failing = cache.writeThrough("key", "new", () => Promise.reject(new Error("full")), 60);
    expect(failing).rejects.toThrow("full");
    await failing.catch(() => {});
    expect(await cache.mGet(["key"])).toEqual([undefined]);
    expect(await cache.getOrSet("key", async () => "old", 60)).toBe("old");
    expect(await cache.mGet(["key"])).toEqual(["old"]);
  });

  withCache("keeps neither of two values written at once, in any order", async (cache) => {
    for (const order of [["first", "second"] as const, ["second", "first"] as const]) {
      const saves = { first: Promise.withResolvers<void>(), second: Promise.withResolvers<void>() };
      const written = {
        first: cache.writeThrough("key", "first", () => saves.first.promise, 60),
        second: cache.writeThrough("key", "second", () => saves.second.promise, 60),
      };
      for (const which of order) {
        saves[which].resolve();
        await written[which];
        expect(await cache.mGet(["key"])).toEqual([undefined]);
      }
      expect(await cache.getOrSet("key", async () => order[1], 60)).toBe(order[1]);
      expect(await cache.mGet<string>(["key"])).toEqual([order[1]]);
      await cache.delete(["key"]);
    }
  });

  withCache("keeps no fetch that a write overtook, before or after it was saved", async (cache) => {
    const fetches = { before: Promise.withResolvers<string>(), during: Promise.withResolvers<string>() };
    const save = Promise.withResolvers<void>();
    const started = { before: Promise.withResolvers<void>(), save: Promise.withResolvers<void>() };
    const before = cache.mGetOrSet(
      ["key"],
      async () => {
        started.before.resolve();
        return [await fetches.before.promise];
      },
      60,
    );
    await started.before.promise;
    const write = cache.writeThrough(
      "key",
      "new",
      () => {
        started.save.resolve();
        return save.promise;
      },
      60,
    );
    await started.save.promise;
    const during = cache.mGetOrSet(["key"], async () => [await fetches.during.promise], 60);
    fetches.before.resolve("old");
    await before;
    expect(await cache.mGet(["key"])).toEqual([undefined]);
    save.resolve();
    await write;
    fetches.during.resolve("old");
    await during;
    expect(await cache.mGet(["key"])).toEqual(["new"]);
  });
}
