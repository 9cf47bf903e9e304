import type { Query, SQL } from "drizzle-orm";
import { type PgDatabase, PgDialect, type PgQueryResultHKT } from "drizzle-orm/pg-core";

/** Drizzle over whichever driver: a database, or a transaction in it. */
export type Drizzle = PgDatabase<PgQueryResultHKT>;

const dialect = new PgDialect();

/**
 * A named prepared statement. Its SQL is rendered once for the process, whatever runs it; `Params` are its
 * placeholders. Run on a transaction it is part of that transaction.
 */
export function statement<Params extends Record<string, unknown>, Row = never>(name: string, text: SQL) {
  let rendered: Query | undefined;
  return async (db: Drizzle, params: Params): Promise<Row[]> => {
    rendered ??= dialect.sqlToQuery(text);
    const result: unknown = await db._.session.prepareQuery(rendered, undefined, name, false).execute(params);
    return rowsOf<Row>(result);
  };
}

/** PGlite answers `{ rows }`, postgres.js an array. */
export function rowsOf<Row>(result: unknown): Row[] {
  return Array.isArray(result) ? result : (result as { rows: Row[] }).rows;
}

/**
 * A query of Drizzle's builder, prepared once a database: an unprepared one runs at a quarter of the speed,
 * since it is rendered anew each time.
 */
export function prepared<Prepared>(build: (db: Drizzle) => Prepared): (db: Drizzle) => Prepared {
  const known = new WeakMap<Drizzle, Prepared>();
  return (db) => {
    const found = known.get(db) ?? build(db);
    known.set(db, found);
    return found;
  };
}
