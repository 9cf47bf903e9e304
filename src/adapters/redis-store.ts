import type { Fill, Leased, Store } from "./cache-aside.ts";
import type { Circuit } from "./redis-circuit.ts";
import { readTexts } from "./redis-connection.ts";
import { dropFromRedis } from "./redis-invalidations.ts";
import type { RedisKeys } from "./redis-keys.ts";
import type { RedisReplica } from "./redis-replica.ts";
import { scriptKeysMax } from "./redis-scripts.ts";

/** What is fetched for longer is not kept. */
const fetchMsMax = 30_000;

/** A writer that died no longer keeps others from filling after this; one that saves for longer keeps nothing. */
const saveMsMax = 60_000;

interface RedisStoreOptions {
  circuit: Circuit;
  keys: RedisKeys;
  /** Takes the keys whose deletion Redis did not hear of. */
  lost(keys: string[]): void;
  replica: RedisReplica | undefined;
}

/** Values as JSON text in Redis. Where Redis cannot be had, nothing is found, leased or kept. */
export function createRedisStore({ circuit, keys, lost, replica }: RedisStoreOptions): Store {
  /** Runs a script over pairs of keys with `words` for each, in batches; a cluster is given one pair at a time. */
  function overPairs<T>(
    name: "cacheLease" | "cacheFill" | "cachePut",
    asked: string[],
    words: (from: number, to: number) => (string | number)[],
  ): Promise<T[]> {
    return circuit.run(name, ({ client, cluster }) => {
      const step = cluster ? 1 : scriptKeysMax;
      const answers: Promise<T>[] = [];
      for (let from = 0; from < asked.length; from += step) {
        const to = Math.min(asked.length, from + step);
        const pairs = asked.slice(from, to).flatMap((key) => [keys.value(key), keys.lease(key)]);
        const count = cluster ? [] : [pairs.length];
        answers.push(client[name](...count, ...pairs, ...words(from, to)) as Promise<T>);
      }
      return Promise.all(answers);
    });
  }

  async function drop(dropped: string[]): Promise<void> {
    replica?.changing(dropped);
    if (circuit.connection() === undefined) return lost(dropped);
    let from = 0;
    try {
      for (; from < dropped.length; from += scriptKeysMax) {
        const batch = dropped.slice(from, from + scriptKeysMax);
        await circuit.run("cacheDrop", (connection) => dropFromRedis(connection, keys, batch));
      }
    } catch (error) {
      lost(dropped.slice(from));
      circuit.open((error as Error).message); // Not read from again until it has heard of them.
    }
  }

  /**
   * One read for all who ask for a key in a turn of the loop, such as the requests of one API key: 48 µs of this thread for a single
   * request in place of 56. The pipeline goes out after the turn, so that nobody shares a read which is older than a deletion
   * they may have heard of.
   */
  const inTurn = new Map<string, Promise<string | null>>();
  function askedInTurn(key: string, ask: () => Promise<string | null>): Promise<string | null> {
    if (inTurn.size === 0) setImmediate(() => inTurn.clear());
    return inTurn.getOrInsertComputed(key, ask);
  }

  return {
    readOne(key) {
      if (circuit.connection() === undefined) return undefined;
      const ask = () =>
        askedInTurn(key, () => circuit.run("get", ({ client }) => client.get(keys.value(key))));
      const text =
        replica
          ?.read([key])
          ?.then(([found]) => found ?? null)
          .catch(ask) ?? ask();
      return text.then(parse, nothing);
    },

    async read(asked) {
      if (circuit.connection() === undefined) return asked.map(() => undefined);
      const ask = () => circuit.run("mget", (connection) => readTexts(connection, asked.map(keys.value)));
      try {
        const texts = await (replica?.read(asked)?.catch(ask) ?? ask());
        return texts.map(parse);
      } catch {
        return asked.map(nothing);
      }
    },

    async lease(asked) {
      const none = () => asked.map(() => ({ value: undefined, lease: null }));
      if (circuit.connection() === undefined) return none();
      try {
        const token = crypto.randomUUID();
        const answers = await overPairs<(string | null)[]>("cacheLease", asked, () => [token, fetchMsMax]);
        const flat = answers.flat();
        return asked.map(
          (_, index): Leased => ({
            value: parse(flat[index * 2] ?? null),
            lease: flat[index * 2 + 1] || null,
          }),
        );
      } catch {
        return none();
      }
    },

    async fill(fills: Fill[]) {
      const asked = fills.map(({ key }) => key);
      const words = fills.map(({ lease, value, ttlMs }) => [lease, JSON.stringify(value), ttlMs]);
      // One that came late or was refused changes nothing: the lease decides in Redis.
      await overPairs("cacheFill", asked, (from, to) => words.slice(from, to).flat()).catch(() => {});
    },

    // One that failed leaves nothing, or the same; one that hung in a connection may still come. What changes is kept by
    // leases (getOrSet) and writers' marks (writeThrough).
    async put(entries) {
      const asked = entries.map(({ key }) => key);
      replica?.changing(asked);
      const words = entries.map(({ value, ttlMs }) => [JSON.stringify(value), ttlMs]);
      await overPairs("cachePut", asked, (from, to) => words.slice(from, to).flat()).catch(() => {});
    },

    drop,

    async begin(key) {
      replica?.changing([key]);
      const token = crypto.randomUUID();
      try {
        await circuit.run("cacheBegin", ({ client }) =>
          client.cacheBegin(keys.value(key), keys.lease(key), token, saveMsMax),
        );
        return token;
      } catch {
        return null;
      }
    },

    async finish(key, token, value, ttlMs) {
      replica?.changing([key]);
      if (token === null) return drop([key]);
      const text = value === undefined ? "" : JSON.stringify(value);
      try {
        await circuit.run("cacheFinish", ({ client }) =>
          client.cacheFinish(keys.value(key), keys.lease(key), token, text, ttlMs),
        );
      } catch {
        await drop([key]);
      }
    },
  };
}

const nothing = () => undefined;

/** What cannot be parsed was not written by us: nothing is there. */
function parse(text: string | null): unknown {
  if (text === null) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
