import { sql } from "drizzle-orm";
import type { Reading } from "./cursor.ts";
import { called, type Drizzle, rowsOf } from "./statement.ts";

export interface KeysetReading extends Reading {
  /** The column that puts the rows in order, and that no two of them share. */
  key: string;
}

/**
 * The rows of a query in the order of its key, `batchRows` at a time, each batch by a short statement of its own: what else is
 * to be done on the connection is done in between, and a slow reader keeps nothing open. The greatest key is looked up
 * first, so that it ends though rows come in faster than they are read. Each batch shows its rows as they are by then.
 *
 * A cursor would show them all as they were at the start, but lives only as long as its transaction; one that is held
 * beyond it stores all rows by its first statement, which for 300,000 of 1.3 KB takes 1.6 s on the embedded database.
 */
export async function* keysetRows<Row>(
  db: Drizzle,
  { query, key, batchRows, name }: KeysetReading,
): AsyncGenerator<Row[]> {
  const column = sql.identifier(key);
  const begin = sql.raw(called(name));
  const from = sql`from (${query}) as row`;
  const [last] = rowsOf<{ key: unknown }>(
    await db.execute(sql`${begin}select ${column} as key ${from} order by ${column} desc limit 1`),
  );
  const end = last?.key ?? null;
  let after = sql``;
  for (;;) {
    // The end stands outside of the limit: two bounds of an index without statistics look like so few rows that the server
    // fetches and sorts all of them for each batch, which for 500,000 took 86 ms in place of 14.
    const page = sql`select * ${from} ${after} order by ${column} limit ${batchRows}`;
    const rows = rowsOf<Row & Record<string, unknown>>(
      await db.execute(
        sql`${begin}select * from (${page}) as page where ${column} <= ${end} order by ${column}`,
      ),
    );
    if (rows.length > 0) yield rows;
    if (rows.length < batchRows) return;
    after = sql`where ${column} > ${rows.at(-1)?.[key]}`;
  }
}
