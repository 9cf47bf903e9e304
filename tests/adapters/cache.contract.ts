import { describe, expect, test } from "bun:test";
import type { Cache } from "../../src/ports.ts";

/** What src/ports.ts promises of a Cache, held against one implementation. */
export function cacheContract(name: string, create: () => Cache): void {
  describe(`the ${name} cache`, () => {
    test("fetches a cold key once, however many ask for it at once", async () => {
      const cache = create();
      let fetches = 0;
      const fetched = Promise.withResolvers<string>();
      const asked = Array.from({ length: 100 }, () =>
        cache.getOrSet(
          "key",
          () => {
            fetches += 1;
            return fetched.promise;
          },
          60,
        ),
      );
      fetched.resolve("value");
      expect(new Set(await Promise.all(asked))).toEqual(new Set(["value"]));
      expect(fetches).toBe(1);
    });

    test("remembers that there is nothing", async () => {
      const cache = create();
      await cache.getOrSet("key", async () => null, 60);
      expect(await cache.getOrSet<string | null>("key", async () => "late", 60)).toBeNull();
    });

    test("forgets a fetch that failed", async () => {
      const cache = create();
      const failing = cache.getOrSet("key", () => Promise.reject(new Error("down")), 60);
      expect(failing).rejects.toThrow("down");
      await failing.catch(() => {});
      expect(await cache.getOrSet("key", async () => "up", 60)).toBe("up");
    });

    test("asks for the missing ones of many keys alone, and answers in order", async () => {
      const cache = create();
      await cache.getOrSet("b", async () => "B", 60);
      const asked: string[][] = [];
      const fetch = async (missing: string[]) => {
        asked.push(missing);
        return missing.map((key) => key.toUpperCase());
      };
      expect(await cache.mGetOrSet(["a", "b", "c"], fetch, 60)).toEqual(["A", "B", "C"]);
      expect(await cache.mGetOrSet(["c", "a"], fetch, 60)).toEqual(["C", "A"]);
      expect(asked).toEqual([["a", "c"]]);
    });

    test("does not keep what was deleted while it was being fetched", async () => {
      const cache = create();
      const old = Promise.withResolvers<string>();
      const asked = cache.getOrSet("key", () => old.promise, 60);
      await cache.delete(["key"]);
      old.resolve("old");
      expect(await asked).toBe("old");
      expect(await cache.getOrSet("key", async () => "new", 60)).toBe("new");
    });

    test("fetches a deleted key anew", async () => {
      const cache = create();
      await cache.getOrSet("key", async () => "old", 60);
      await cache.delete(["key"]);
      expect(await cache.getOrSet("key", async () => "new", 60)).toBe("new");
    });
  });
}
