import { type SQL, sql } from "drizzle-orm";
import { getTableConfig, type PgColumn, type PgTable } from "drizzle-orm/pg-core";
import { type Drizzle, statement } from "./statement.ts";

/** The guide's: so many rows a statement unless told otherwise. 1,000 cost the server as much CPU a row. */
const batchRowsDefault = 500;

/** A placeholder's name → the column that its array fills. */
type Arrays = Record<string, PgColumn>;

interface BatchInsertOptions {
  arrays: Arrays;
  /** What is the same for every row. */
  constants?: [column: PgColumn, value: SQL][];
  /** From `on conflict` on; the table goes by its own name. */
  tail?: SQL;
}

/** JSON travels as text: a string that is bound to jsonb becomes a JSON string. */
const typeOf = (column: PgColumn) => (column.getSQLType() === "jsonb" ? "text" : column.getSQLType());

/** `unnest(…) as t (…)`: one parameter a column, whatever the number of rows. Types and names are the table's. */
export function unnested(arrays: Arrays): SQL {
  const lists = Object.entries(arrays).map(
    ([name, column]) => sql`${sql.placeholder(name)}::${sql.raw(typeOf(column))}[]`,
  );
  return sql`unnest(${sql.join(lists, sql`, `)}) as t (${names(Object.values(arrays))})`;
}

const names = (columns: PgColumn[]) =>
  sql.join(
    columns.map(({ name }) => sql.identifier(name)),
    sql`, `,
  );

/**
 * The guide's `batchInsert`: a named prepared statement that inserts any number of rows, an array a column. Rows
 * are written in the order of their key, so that two batches that meet wait for each other and never both.
 * What does not fit into one statement takes several: all or nothing only within a transaction.
 */
export function batchInsert<Params extends Record<string, unknown>, Row = never>(
  name: string,
  table: PgTable,
  { arrays, constants = [], tail = sql`` }: BatchInsertOptions,
): (db: Drizzle, params: Params, batchRows?: number) => Promise<Row[]> {
  const columns = Object.values(arrays);
  const values = columns.map((column) =>
    column.getSQLType() === "jsonb"
      ? sql`t.${sql.identifier(column.name)}::jsonb`
      : sql`t.${sql.identifier(column.name)}`,
  );
  const all = [...columns, ...constants.map(([column]) => column)];
  const run = statement<Params, Row>(
    name,
    sql`
      insert into ${table} (${names(all)})
      select ${sql.join([...values, ...constants.map(([, value]) => value)], sql`, `)}
      from ${unnested(arrays)}
      order by ${sql.join(
        keyOf(table).map((key) => sql`t.${sql.identifier(key)}`),
        sql`, `,
      )}
      ${tail}`,
  );
  const lists = Object.keys(arrays);

  return async (db, params, batchRows = batchRowsDefault) => {
    const [first = ""] = lists;
    const rows = (params[first] as unknown[]).length;
    if (rows <= batchRows) return run(db, params);
    const returned: Row[] = [];
    for (let from = 0; from < rows; from += batchRows) {
      const part: Record<string, unknown> = { ...params };
      for (const list of lists) part[list] = (params[list] as unknown[]).slice(from, from + batchRows);
      returned.push(...(await run(db, part as Params)));
    }
    return returned;
  };
}

function keyOf(table: PgTable): string[] {
  const { columns, primaryKeys } = getTableConfig(table);
  const composite = primaryKeys.flatMap((key) => key.columns.map(({ name }) => name));
  return composite.length > 0 ? composite : columns.filter(({ primary }) => primary).map(({ name }) => name);
}
