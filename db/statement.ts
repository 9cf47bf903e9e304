import { is, Placeholder, type Query, type SQL } from "drizzle-orm";
import { type PgDatabase, PgDialect, type PgQueryResultHKT, QueryBuilder } from "drizzle-orm/pg-core";

/** Drizzle over whichever driver: a database, or a transaction in it. */
export type Drizzle = PgDatabase<PgQueryResultHKT>;

/**
 * Begins a statement that takes as long as it takes, such as the making of an index: on a server it gets a
 * connection of its own, without a time-out.
 */
export const unbounded = "/* unbounded */ ";

const dialect = new PgDialect();

/** Every named statement: its name → its text, rendered when it is asked for. */
const statements = new Map<string, () => Query>();
/** Of those that ran, or were asked for: a text's name. */
const names = new Map([["commit", "commit"]]);

/** The names of all queries there are, in the order of the alphabet. */
export const statementNames = (): string[] => [...statements.keys()].sort();

/** The text of a query with its parameters, placeholders among them; undefined where there is none of the name. */
export const statementOf = (name: string): Query | undefined => statements.get(name)?.();

/** Begins a statement that is put together for the occasion, and has a name nevertheless: one of ours. */
export const called = (name: string) => `/* ${name} */ `;
const calledPattern = /^\/\* (\w+) \*\/ /;

/** What a text is called in metrics and logging. */
export const nameOfStatement = (text: string): string =>
  names.get(text) ?? calledPattern.exec(text)?.[1] ?? "unnamed";

function register(name: string, render: () => Query): () => Query {
  if (statements.has(name)) throw new Error(`two queries are called ${name}`);
  let rendered: Query | undefined;
  const once = () => {
    if (rendered === undefined) {
      rendered = render();
      names.set(rendered.sql, name);
    }
    return rendered;
  };
  statements.set(name, once);
  return once;
}

/**
 * A named prepared statement. Its SQL is rendered once for the process, whatever runs it; `Params` are its
 * placeholders. Run on a transaction it is part of that transaction.
 */
export function statement<Params extends Record<string, unknown>, Row = never>(name: string, text: SQL) {
  const rendered = register(name, () => withoutRepeats(dialect.sqlToQuery(text)));
  return async (db: Drizzle, params: Params): Promise<Row[]> => {
    const result: unknown = await db._.session
      .prepareQuery(rendered(), undefined, name, false)
      .execute(params);
    return rowsOf<Row>(result);
  };
}

/**
 * A placeholder that stands in a text several times is one parameter: Drizzle makes one of each, so that the ids of a
 * batch were written, sent and read as often as they are named.
 */
function withoutRepeats({ sql, params }: Query): Query {
  const names = params.map((param, index) => (is(param, Placeholder) ? param.name : index));
  const distinct = [...new Set(names)];
  return {
    sql: sql.replaceAll(/\$(\d+)/g, (_, nth) => `$${distinct.indexOf(names[nth - 1] as string) + 1}`),
    params: distinct.map((name) => params[names.indexOf(name)]),
  };
}

/** PGlite answers `{ rows }`, postgres.js an array. */
export function rowsOf<Row>(result: unknown): Row[] {
  return Array.isArray(result) ? result : (result as { rows: Row[] }).rows;
}

/** What a query of Drizzle's builder is begun with: a database, or nothing but the builder. */
type Builder = Pick<QueryBuilder, "select">;

interface Built<Prepared> {
  prepare(name: string): Prepared;
  toSQL(): Query;
}

/**
 * A query of Drizzle's builder, named and prepared once a database: an unprepared one runs at a quarter of the
 * speed, since it is rendered anew each time.
 */
export function prepared<Prepared>(
  name: string,
  build: (db: Drizzle) => Built<Prepared>,
): (db: Drizzle) => Prepared {
  const known = new WeakMap<Drizzle, Prepared>();
  const text = register(name, () => build(new QueryBuilder() as Builder as Drizzle).toSQL());
  return (db) => {
    const found = known.get(db);
    if (found !== undefined) return found;
    text();
    const made = build(db).prepare(name);
    known.set(db, made);
    return made;
  };
}
