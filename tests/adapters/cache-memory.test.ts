import { describe, expect, test } from "bun:test";
import { createMemoryCache } from "../../src/adapters/cache-memory.ts";
import { eventually } from "../eventually.ts";
import { cacheContract } from "./cache.contract.ts";
import { staleContract } from "./cache-stale.contract.ts";
import { createSignalBus } from "./signal-bus.ts";

cacheContract("memory", () => createMemoryCache());
staleContract("one process's memory", async () => [createMemoryCache()]);
staleContract("several processes' memory", async () => {
  const bus = createSignalBus();
  return Array.from({ length: 3 }, () => createMemoryCache({ signals: bus.join() }));
});

describe("the memory cache among several processes", () => {
  function twoProcesses() {
    const bus = createSignalBus();
    const [here, there] = [bus.join(), bus.join()];
    return {
      here: { cache: createMemoryCache({ signals: here }), signals: here },
      there: { cache: createMemoryCache({ signals: there }), signals: there },
    };
  }
  const keep = (value: string) => [{ key: "user:1", value, ttlSeconds: 60 }];

  test("forgets what another deleted or wrote, whatever its name", async () => {
    const { here, there } = twoProcesses();
    for (const key of ["user:1", "user:a\nb%0A", "user:%"]) {
      const kept = async () => (await there.cache.mGet([key]))[0];
      const fill = () => there.cache.getOrSet(key, async () => "old", 60);
      await fill();
      await here.cache.delete([key]);
      await eventually(async () => (await kept()) === undefined);
      await fill();
      await here.cache.writeThrough(key, "new", async () => {}, 60);
      await eventually(async () => (await kept()) === undefined);
      expect(await here.cache.mGet<string>([key])).toEqual(["new"]);
    }
  });

  test("tells of many keys in signals that PostgreSQL takes", async () => {
    const { here, there } = twoProcesses();
    const keys = Array.from({ length: 2_000 }, (_, index) => `user:é${index}`);
    await there.cache.mGetOrSet(keys, async (missing) => missing, 60);
    await here.cache.delete(keys);
    expect(Math.max(...here.signals.sent.map((payload) => Buffer.byteLength(payload)))).toBeLessThan(8_000);
    await eventually(async () => (await there.cache.mGet(keys)).every((value) => value === undefined));
  });

  test("keeps and gives nothing while it cannot hear the others", async () => {
    const { there } = twoProcesses();
    await there.cache.mSet(keep("kept"));
    there.signals.deafen();
    expect(await there.cache.mGet(["user:1"])).toEqual([undefined]);
    expect(await there.cache.getOrSet("user:1", async () => "fetched", 60)).toBe("fetched");
    expect(await there.cache.getOrSet("user:1", async () => "again", 60)).toBe("again");
    there.signals.hear();
    expect(await there.cache.mGet(["user:1"])).toEqual([undefined]);
    await there.cache.getOrSet("user:1", async () => "kept", 60);
    expect(await there.cache.mGet<string>(["user:1"])).toEqual(["kept"]);
  });

  test("forgets everything after a gap, what is being fetched included", async () => {
    const { there } = twoProcesses();
    await there.cache.mSet(keep("kept"));
    const fetched = Promise.withResolvers<string>();
    const fetching = Promise.withResolvers<void>();
    const asked = there.cache.getOrSet(
      "user:2",
      () => {
        fetching.resolve();
        return fetched.promise;
      },
      60,
    );
    await fetching.promise;
    there.signals.hear();
    fetched.resolve("old");
    await asked;
    expect(await there.cache.mGet(["user:1", "user:2"])).toEqual([undefined, undefined]);
  });

  test("tells the others later what it could not tell them", async () => {
    const { here, there } = twoProcesses();
    await there.cache.mSet(keep("old"));
    here.signals.mute(true);
    await here.cache.delete(["user:1"]);
    expect(await there.cache.mGet<string>(["user:1"])).toEqual(["old"]);
    here.signals.mute(false);
    await eventually(async () => (await there.cache.mGet(["user:1"]))[0] === undefined);
  });
});
