import { type SQL, sql } from "drizzle-orm";
import { called, type Drizzle, rowsOf } from "./statement.ts";

/** What is to be read, and by which name metrics and logging call it. */
export interface Reading {
  query: SQL;
  /** Rows at a time. */
  batchRows: number;
  name: string;
}

/** A query that says no order of its own, with its rows in the order of a column. */
export const inOrderOf = (key: string, query: SQL): SQL => sql`${query} order by ${sql.identifier(key)}`;

/**
 * The rows of a query, `batchRows` at a time, all as they were at the start: by a cursor within a transaction, whose end
 * closes it. Nothing is stored, and the first rows come at once.
 * A million rows of 100 bytes on PostgreSQL 15: 0.55 s, the first after 42 ms, in 45 MB; held beyond the transaction
 * 0.64 s, 165 ms, 47 MB; by postgres.js's own cursor, which knows neither transaction nor pool, 0.43 s, 46 ms, 40 MB.
 *
 * @param onDeclared called when the server has answered, before it has looked for the first row
 */
export async function* cursorRows<Row>(
  tx: Drizzle,
  { query, batchRows, name }: Reading,
  onDeclared = () => {},
): AsyncGenerator<Row[]> {
  const cursor = "carillon_cursor";
  await tx.execute(sql`${sql.raw(`${called(name)}declare ${cursor}`)} no scroll cursor for ${query}`);
  onDeclared();
  yield* fetchAll<Row>(tx, `${called(name)}fetch forward ${batchRows} from ${cursor}`, batchRows);
}

async function* fetchAll<Row>(db: Drizzle, fetch: string, batchRows: number): AsyncGenerator<Row[]> {
  for (;;) {
    const rows = rowsOf<Row>(await db.execute(sql.raw(fetch)));
    if (rows.length > 0) yield rows;
    if (rows.length < batchRows) return;
  }
}
