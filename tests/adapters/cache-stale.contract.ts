import { expect, test } from "bun:test";
import type { Cache } from "../../src/ports.ts";

/**
 * Readers, writers and deleters at random, in several processes' caches over one "database": when all is done,
 * no cache gives anything but what the database holds.
 */
export function staleContract(name: string, open: () => Promise<Cache[]>): void {
  test(`no cache of ${name} gives anything old once all is done`, async () => {
    const seed = Number(Bun.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
    const random = seeded(seed);
    const caches = await open();
    const keys = ["user:1", "user:2", "user:3", "key:1"];
    for (let round = 0; round < rounds; round++) {
      const database = new Map(keys.map((key) => [key, 0]));
      let version = 0;
      const pause = async () => {
        for (let turns = Math.floor(random() * 4); turns > 0; turns--) {
          await new Promise<void>((resolve) => setImmediate(resolve));
        }
      };
      const read = async (missing: string[]) => {
        await pause();
        const values = missing.map((key) => database.get(key) ?? null);
        await pause();
        return values;
      };
      /** Commits in an order of its own, as a database does. */
      const save = async (key: string, value: number) => {
        await pause();
        database.set(key, value);
        await pause();
      };
      const act = async () => {
        const cache = caches[Math.floor(random() * caches.length)] as Cache;
        const key = keys[Math.floor(random() * keys.length)] as string;
        const kind = random();
        await pause();
        if (kind < 0.3) await cache.getOrSet(key, async () => (await read([key]))[0], 60);
        else if (kind < 0.6) await cache.mGetOrSet(keys, read, 60);
        else if (kind < 0.8) await cache.writeThrough(key, ++version, (value) => save(key, value), 60);
        else {
          await save(key, ++version);
          await cache.delete([key]);
        }
      };
      await Promise.all(Array.from({ length: actsAtOnce }, act));
      await settled(caches, keys);
      for (const [index, cache] of caches.entries()) {
        const kept = await cache.mGet<number>(keys);
        kept.forEach((value, at) => {
          const where = `seed ${seed}, round ${round}, cache ${index}, ${keys[at]}`;
          if (value !== undefined)
            expect([where, value]).toEqual([where, database.get(keys[at] as string) as number]);
        });
      }
      await caches[0]?.delete(keys);
    }
    for (const cache of caches) await cache.close();
  }, 60_000);
}

const rounds = 150;
const actsAtOnce = 60;

/** Until what caches tell each other has arrived. */
async function settled(caches: Cache[], keys: string[]): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await new Promise<void>((resolve) => setImmediate(resolve));
  for (const cache of caches) await cache.mGet(keys);
}

/** Mulberry32: the same numbers for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
