import type { RedisConnection } from "./redis-connection.ts";
import type { RedisKeys } from "./redis-keys.ts";
import { scriptKeysMax } from "./redis-scripts.ts";

/** Beyond this many keys, "everything" is remembered instead: some 10 MB. */
export const pendingKeysMax = 100_000;

/** Keys that one SCAN looks at. */
const scanCount = 1_000;

/**
 * Deletions that Redis has not heard of. Until it has, this process does not read from it (redis-circuit.ts).
 *
 * What remains possible: this process dies before they are delivered, or another process can reach Redis while
 * this one cannot. Then others may be given the old value until its time to live is over.
 */
export function createInvalidations(keys: RedisKeys) {
  const pending = new Set<string>();
  let everything = false;
  let flushing: { connection: RedisConnection; steps: AsyncGenerator<void> } | undefined;

  function add(lost: string[]): void {
    for (const key of lost) pending.add(key);
    if (pending.size <= pendingKeysMax) return;
    pending.clear();
    everything = true;
    flushing = undefined;
  }

  async function deliverKeys(connection: RedisConnection): Promise<void> {
    const batch = [...pending.values().take(scriptKeysMax)];
    for (const key of batch) pending.delete(key); // Now: one that is added meanwhile is owed again.
    try {
      await dropFromRedis(connection, keys, batch);
    } catch (error) {
      add(batch);
      throw error;
    }
  }

  async function flushStep(connection: RedisConnection): Promise<void> {
    if (flushing?.connection !== connection) flushing = { connection, steps: flush(connection, keys.cached) };
    const current = flushing;
    const { done } = await current.steps.next();
    if (done && flushing === current) {
      everything = false;
      flushing = undefined;
    }
  }

  return {
    add,
    size: () => pending.size + (everything ? 1 : 0),
    deliver: (connection: RedisConnection) => (everything ? flushStep(connection) : deliverKeys(connection)),
  };
}

/** Drops values, and the leases of those who fetch them. */
export async function dropFromRedis(
  { client, cluster }: RedisConnection,
  keys: RedisKeys,
  dropped: string[],
): Promise<void> {
  const pairs = dropped.map((key) => [keys.value(key), keys.lease(key)]);
  if (cluster) await Promise.all(pairs.map((pair) => client.cacheDrop(...pair)));
  else await client.cacheDrop(pairs.length * 2, ...pairs.flat());
}

/**
 * Removes every value and every lease, one SCAN a step. Twice: a lease that was there before may have been used
 * behind the first scan's back; its value is there when the second one starts.
 */
async function* flush({ masters }: RedisConnection, pattern: string): AsyncGenerator<void> {
  for (let round = 1; round <= 2; round++) {
    for (const master of masters()) {
      let cursor = "0";
      do {
        const [next, found] = await master.scan(cursor, "MATCH", pattern, "COUNT", scanCount);
        await Promise.all(found.map((key) => master.unlink(key)));
        cursor = next;
        yield;
      } while (cursor !== "0");
    }
  }
}
