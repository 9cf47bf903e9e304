import { describe, expect, test } from "bun:test";
import { type Cache, CacheUnavailable } from "../../src/ports.ts";
import { eventually } from "../eventually.ts";

/** A cache of the test's own, empty; disposing of it closes it. */
export type CreateCache = () => Promise<Cache> | Cache;

/** What src/ports.ts promises of a Cache, held against one implementation. */
export function cacheContract(name: string, create: CreateCache): void {
  const withCache = (sentence: string, check: (cache: Cache) => Promise<void>) =>
    test(sentence, async () => {
      const cache = await create();
      try {
        await check(cache);
      } finally {
        await cache.close();
      }
    });

  describe(`the ${name} cache: values`, () => {
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
  });

  describe(`the ${name} cache: what changed`, () => {
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
  });

  describe(`the ${name} cache: limits`, () => {
    withCache("lets exactly as many requests pass as allowed, however many ask at once", async (cache) => {
      const asked = Array.from({ length: 1_000 }, () => cache.rateLimitSlidingWindow("key", 100, 60));
      const answers = await Promise.all(asked);
      expect(answers.filter(({ allowed }) => allowed).length).toBe(100);
      const [first, last] = [answers[0], answers.at(-1)];
      expect(first).toEqual({ allowed: true, remaining: 99, resetMs: 0 });
      expect(last).toMatchObject({ allowed: false, remaining: 0 });
      expect(last?.resetMs).toBeGreaterThan(55_000);
      expect(last?.resetMs).toBeLessThanOrEqual(60_060);
      expect((await cache.rateLimitSlidingWindow("other", 1, 60)).allowed).toBe(true);
    });

    withCache("lets a request pass once an earlier one has left the window, not before", async (cache) => {
      const windowMs = 500;
      const passedMs: number[] = [];
      await eventually(async () => {
        const askedMs = performance.now();
        const { allowed } = await cache.rateLimitSlidingWindow("key", 3, windowMs / 1000);
        if (allowed) passedMs.push(askedMs);
        return passedMs.length >= 9;
      });
      for (let at = 3; at < passedMs.length; at++) {
        const apartMs = (passedMs[at] ?? 0) - (passedMs[at - 3] ?? 0);
        expect(apartMs).toBeGreaterThan(windowMs - 50); // The times are those of asking, not of counting.
        expect(apartMs).toBeLessThan(windowMs + 250);
      }
    });

    withCache("says truly when the next request will pass", async (cache) => {
      await cache.rateLimitSlidingWindow("key", 1, 0.3);
      const { allowed, resetMs } = await cache.rateLimitSlidingWindow("key", 1, 0.3);
      expect(allowed).toBe(false);
      expect(resetMs).toBeLessThanOrEqual(301);
      const startMs = performance.now();
      await eventually(async () => (await cache.rateLimitSlidingWindow("key", 1, 0.3)).allowed);
      expect(performance.now() - startMs).toBeGreaterThan(resetMs - 50);
    });

    withCache("lets nothing pass where nothing is allowed", async (cache) => {
      expect(await cache.rateLimitSlidingWindow("key", 0, 60)).toMatchObject({
        allowed: false,
        remaining: 0,
      });
    });
  });

  describe(`the ${name} cache: locks`, () => {
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
  });

  withCache(`the ${name} cache says that it can be reached`, async (cache) => {
    expect(cache.available()).toBe(true);
    expect(new CacheUnavailable("down").name).toBe("CacheUnavailable");
  });
}
