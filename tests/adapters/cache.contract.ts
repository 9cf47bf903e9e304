import { describe, expect, test } from "bun:test";
import { type Cache, CacheUnavailable } from "../../src/ports.ts";
import { eventually } from "../eventually.ts";
import { changesContract } from "./cache-changes.contract.ts";
import { limitsContract } from "./cache-limits.contract.ts";
import { locksContract } from "./cache-locks.contract.ts";

/** A test with a cache of its own, empty; it is closed afterwards. */
export type CacheTest = (sentence: string, check: (cache: Cache) => Promise<void>) => void;

/** What src/ports.ts promises of a Cache, held against one implementation. */
export function cacheContract(name: string, create: () => Promise<Cache> | Cache): void {
  const withCache: CacheTest = (sentence, check) =>
    test(sentence, async () => {
      const cache = await create();
      try {
        await check(cache);
      } finally {
        await cache.close();
      }
    });

  describe(`the ${name} cache: values`, () => valuesContract(withCache));
  describe(`the ${name} cache: what changed`, () => changesContract(withCache));
  describe(`the ${name} cache: limits`, () => limitsContract(withCache));
  describe(`the ${name} cache: locks`, () => locksContract(withCache));

  withCache(`the ${name} cache says that it can be reached`, async (cache) => {
    expect(cache.available()).toBe(true);
    expect(new CacheUnavailable("down").name).toBe("CacheUnavailable");
  });
}

/** What is fetched, and kept for its time. */
function valuesContract(withCache: CacheTest): void {
  withCache("fetches a cold key once, however many ask for it at once", async (cache) => {
    let fetches = 0;
    const fetched = Promise.withResolvers<string>();
    const fetch = () => {
      fetches += 1;
      return fetched.promise;
    };
    const asked = Array.from({ length: 100 }, () => cache.getOrSet("key", fetch, 60));
    await eventually(() => fetches);
    const late = Array.from({ length: 100 }, () => cache.getOrSet("key", fetch, 60));
    fetched.resolve("value");
    expect(new Set(await Promise.all([...asked, ...late]))).toEqual(new Set(["value"]));
    expect(fetches).toBe(1);
  });

  withCache("gives what it keeps as it was given", async (cache) => {
    const value = { text: "é\u0000\n{}", list: [1, null, true], nested: { empty: {} } };
    await cache.getOrSet("key", async () => value, 60);
    expect(await cache.getOrSet<unknown>("key", async () => "late", 60)).toEqual(value);
  });

  withCache("remembers that there is nothing", async (cache) => {
    await cache.getOrSet("key", async () => null, 60);
    expect(await cache.getOrSet<string | null>("key", async () => "late", 60)).toBeNull();
  });

  withCache("forgets a fetch that failed", async (cache) => {
    const failing = cache.getOrSet("key", () => Promise.reject(new Error("down")), 60);
    expect(failing).rejects.toThrow("down");
    await failing.catch(() => {});
    expect(await cache.getOrSet("key", async () => "up", 60)).toBe("up");
  });

  withCache("asks for the missing ones of many keys alone, and answers in order", async (cache) => {
    await cache.getOrSet("b", async () => "B", 60);
    const asked: string[][] = [];
    const fetch = async (missing: string[]) => {
      asked.push(missing);
      return missing.map((key) => key.toUpperCase());
    };
    expect(await cache.mGetOrSet(["a", "b", "c", "a"], fetch, 60)).toEqual(["A", "B", "C", "A"]);
    expect(await cache.mGetOrSet(["c", "a"], fetch, 60)).toEqual(["C", "A"]);
    expect(await cache.mGetOrSet([], fetch, 60)).toEqual([]);
    expect(asked).toEqual([["a", "c"]]);
  });

  withCache("fetches what batches at once have in common once", async (cache) => {
    const asked: string[] = [];
    const fetch = async (missing: string[]) => {
      asked.push(...missing);
      return missing.map((key) => key.toUpperCase());
    };
    const [one, two, three] = await Promise.all([
      cache.mGetOrSet(["a", "b"], fetch, 60),
      cache.mGetOrSet(["b", "c"], fetch, 60),
      cache.getOrSet("c", async () => (await fetch(["c"])).join(), 60),
    ]);
    expect([one, two, three]).toEqual([["A", "B"], ["B", "C"], "C"]);
    expect(asked.sort()).toEqual(["a", "b", "c"]);
  });

  withCache("takes a thousand keys at once", async (cache) => {
    const keys = Array.from({ length: 1_234 }, (_, index) => `key:${index}`);
    await cache.mSet(keys.map((key) => ({ key, value: key, ttlSeconds: 60 })));
    expect(await cache.mGet<string>(keys)).toEqual(keys);
    await cache.delete(keys);
    expect(await cache.mGetOrSet(keys, async (missing) => missing, 60)).toEqual(keys);
    expect(await cache.mGet<string>(keys)).toEqual(keys);
  });

  withCache("keeps many values at once, each for its own time", async (cache) => {
    await cache.mSet([
      { key: "short", value: 1, ttlSeconds: 0.1 },
      { key: "long", value: null, ttlSeconds: 60 },
    ]);
    expect(await cache.mGet(["long", "none", "short"])).toEqual([null, undefined, 1]);
    await eventually(async () => (await cache.mGet(["short"]))[0] === undefined);
    expect(await cache.mGet(["long"])).toEqual([null]);
  });

  withCache("fetches anew what is older than its time to live", async (cache) => {
    let version = 0;
    const fetch = async () => ++version;
    expect(await cache.getOrSet("key", fetch, 0.2)).toBe(1);
    await eventually(async () => (await cache.getOrSet("key", fetch, 0.2)) === 2);
  });

  withCache("warms keys up, and skips what fails", async (cache) => {
    let fetches = 0;
    const warm = (key: string, fetch: () => Promise<unknown>) => ({ key, fetch, ttlSeconds: 60 });
    await cache.getOrSet("kept", async () => "kept", 60);
    await cache.prefetch([
      warm("kept", async () => (fetches += 1)),
      warm("failing", () => Promise.reject(new Error("down"))),
      ...Array.from({ length: 50 }, (_, index) => warm(`cold:${index}`, async () => index)),
    ]);
    expect(fetches).toBe(0);
    expect(await cache.mGet(["kept", "failing", "cold:0", "cold:49"])).toEqual(["kept", undefined, 0, 49]);
  });
}
