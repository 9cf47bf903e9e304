import { cursorRows, type Reading } from "../../db/cursor.ts";
import { beginOn, ormOf } from "./postgres-client.ts";
import type { Reads } from "./postgres-replica.ts";

/**
 * The rows of a query in a transaction of its own, which ends with the last batch or when the reader has had
 * enough. Another server is asked only until there is a first batch.
 */
export async function* cursorOn<Row>(reads: Reads, reading: Reading): AsyncGenerator<Row[]> {
  const { first, rest, end } = await reads(
    async (pool, answers) => {
      const { client, end } = await beginOn(pool, "begin read only");
      try {
        const rest = cursorRows<Row>(ormOf(client), reading, answers);
        return { first: await rest.next(), rest, end };
      } catch (error) {
        await end(false).catch(() => {}); // The first error says more.
        throw error;
      }
    },
    (late) => late.end(false).catch(() => {}),
  );
  try {
    if (first.done) return;
    yield first.value;
    yield* rest;
  } finally {
    await end(false);
  }
}
