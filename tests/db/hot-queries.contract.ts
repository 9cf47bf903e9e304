import { expect, test } from "bun:test";
import type { Database } from "../../src/ports.ts";
import { hotQueries, readsOf, type World } from "./hot-queries.ts";

/** Six, since PGlite plans a prepared statement anew for its first five runs. */
const runs = 6;

/**
 * Each hot query finds its rows by an index.
 *
 * @param opened asked once the tests run; with a single connection
 * @param rowsMax how many rows a run of one may read
 */
export function hotQueriesContract(world: World, opened: () => Database, rowsMax: number): void {
  test.each(hotQueries)("%s: found by an index that leads to few other rows", async (_, run) => {
    const db = opened();
    const before = await readsOf(db);
    for (let nth = 0; nth < runs; nth++) await run(db, world);
    const after = await readsOf(db);
    expect(after.scans - before.scans).toBe(0);
    expect((after.rows - before.rows) / runs).toBeLessThanOrEqual(rowsMax);
  });
}
