import { type SQL, sql } from "drizzle-orm";
import { type Drizzle, rowsOf } from "./statement.ts";

let opened = 0;

/**
 * The guide's `cursorQuery`: the rows of a query, `batchRows` at a time. The cursor is held beyond its transaction (`with
 * hold`), so that a slow reader keeps neither a transaction open nor the embedded database's one connection.
 * To be run on one connection.
 */
export async function* cursorQuery<Row>(db: Drizzle, query: SQL, batchRows: number): AsyncGenerator<Row[]> {
  opened += 1;
  const name = sql.raw(`carillon_cursor_${opened}`);
  await db.execute(sql`declare ${name} no scroll cursor with hold for ${query}`);
  try {
    yield* fetchAll<Row>(db, name, batchRows);
  } finally {
    await db.execute(sql`close ${name}`);
  }
}

/**
 * The same within a transaction, whose end closes the cursor: nothing is stored, and the first rows come at once.
 * A million rows of 100 bytes on PostgreSQL 15: 0.55 s, the first after 42 ms, in 45 MB; held beyond the transaction
 * 0.64 s, 165 ms, 47 MB; by postgres.js's own cursor, which knows neither transaction nor pool, 0.43 s, 46 ms, 40 MB.
 *
 * @param onDeclared called when the server has answered, before it has looked for the first row
 */
export async function* cursorRows<Row>(
  tx: Drizzle,
  query: SQL,
  batchRows: number,
  onDeclared: () => void,
): AsyncGenerator<Row[]> {
  const name = sql.raw("carillon_cursor");
  await tx.execute(sql`declare ${name} no scroll cursor for ${query}`);
  onDeclared();
  yield* fetchAll<Row>(tx, name, batchRows);
}

async function* fetchAll<Row>(db: Drizzle, name: SQL, batchRows: number): AsyncGenerator<Row[]> {
  for (;;) {
    const rows = rowsOf<Row>(await db.execute(sql`fetch forward ${sql.raw(String(batchRows))} from ${name}`));
    if (rows.length > 0) yield rows;
    if (rows.length < batchRows) return;
  }
}
