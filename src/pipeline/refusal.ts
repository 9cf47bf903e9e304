import { failureOf } from "../../db/failure.ts";

/** What the database will never take, and why, in its own words: without parameters, which may be people's words. */
export interface Refused<Item> {
  item: Item;
  why: string;
}

/**
 * Has a batch stored and gives what the database refuses of it, in order. One bad item fails the statement of its whole
 * batch, so the batch is halved until the bad one stands alone and the rest is stored.
 *
 * @throws whatever else `store` throws: then repeat it with the whole batch
 */
export async function storeOrRefuse<Item>(
  batch: Item[],
  store: (part: Item[]) => Promise<void>,
): Promise<Refused<Item>[]> {
  try {
    await store(batch);
    return [];
  } catch (error) {
    if (failureOf(error) !== "data") throw error;
    const [only, ...others] = batch;
    if (only === undefined) throw error;
    if (others.length === 0) return [{ item: only, why: innermost(error).message }];
    const half = Math.ceil(batch.length / 2);
    return [
      ...(await storeOrRefuse(batch.slice(0, half), store)),
      ...(await storeOrRefuse(batch.slice(half), store)),
    ];
  }
}

function innermost(error: unknown): Error {
  const { cause } = error as Error;
  return cause instanceof Error ? innermost(cause) : (error as Error);
}
