import { expect, test } from "bun:test";
import type { Cache } from "../../src/ports.ts";

/** So few that most acts meet another one on the same key. */
const keysMin = 4;
const rounds = 150;
const actsAtOnce = 60;

/**
 * Readers, writers and deleters at random, in several processes' caches over one "database": when all is done,
 * no cache gives anything but what the database holds.
 */
export function staleContract(name: string, open: () => Promise<Cache[]>): void {
  test(`no cache of ${name} gives anything old once all is done`, async () => {
    const caches = await open();
    for (let round = 0; round < rounds; round++) {
      const world = createRandomWorld(caches);
      await Promise.all(Array.from({ length: actsAtOnce }, world.act));
      for (let turns = 0; turns < 5; turns++) await turn(); // What the caches tell each other arrives.
      await world.expectNothingOld();
      await caches[0]?.delete(world.keys);
    }
    for (const cache of caches) await cache.close();
  }, 60_000);
}

/** Caches over one map that stands for the database. Set TEST_SEED to what a failure says to see it again. */
export function createRandomWorld(caches: Cache[], keyCount = keysMin) {
  const keys = Array.from({ length: keyCount }, (_, index) => `user:${index}`);
  const seed = Number(Bun.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const random = seeded(seed);
  const oneOf = <T>(all: T[]) => all[Math.floor(random() * all.length)] as T;
  const database = new Map(keys.map((key) => [key, 0]));
  let version = 0;

  async function pause(): Promise<void> {
    for (let turns = Math.floor(random() * 4); turns > 0; turns--) await turn();
  }

  async function read(missing: string[]): Promise<(number | null)[]> {
    await pause();
    const values = missing.map((key) => database.get(key) ?? null);
    await pause();
    return values;
  }

  /** Commits in an order of its own, as a database does. */
  async function save(key: string, value: number): Promise<void> {
    await pause();
    database.set(key, value);
    await pause();
  }

  return {
    keys,

    async act(): Promise<void> {
      const cache = oneOf(caches);
      const key = oneOf(keys);
      const kind = random();
      await pause();
      if (kind < 0.3) await cache.getOrSet(key, async () => (await read([key]))[0], 60);
      else if (kind < 0.6) await cache.mGetOrSet([key, oneOf(keys), oneOf(keys), oneOf(keys)], read, 60);
      else if (kind < 0.8) await cache.writeThrough(key, ++version, (value) => save(key, value), 60);
      else {
        await save(key, ++version);
        await cache.delete([key]);
      }
    },

    async expectNothingOld(): Promise<void> {
      for (const [index, cache] of caches.entries()) {
        const kept = await cache.mGet<number>(keys);
        for (const [at, key] of keys.entries()) {
          const where = `seed ${seed}, cache ${index}, ${key}`;
          expect({ where, value: kept[at] ?? database.get(key) }).toEqual({
            where,
            value: database.get(key),
          });
        }
      }
    },
  };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

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
