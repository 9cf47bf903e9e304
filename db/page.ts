import { type Placeholder, type SQL, sql } from "drizzle-orm";

/** A stretch of a list ordered by id. At most one of the two bounds is given. */
export interface Page<Value = { id: string; limit: number }> {
  limit: Value extends { limit: infer Limit } ? Limit : never;
  /** Only older ids than this, newest first. */
  olderThan?: (Value extends { id: infer Id } ? Id : never) | undefined;
  /** Only newer ids than this, oldest first. */
  newerThan?: (Value extends { id: infer Id } ? Id : never) | undefined;
}

/** The same of a named statement, whose values are known only when it runs. */
type Bound = { id: Placeholder; limit: Placeholder };

/**
 * The page's bounds and order on the columns that make the id. It asks for one row more than the limit,
 * whose presence tells that there is another page.
 */
export function pageOf(
  columns: SQL[],
  { limit, olderThan, newerThan }: Page | Page<Bound>,
  bound: (id: string | Placeholder) => SQL = (id) => sql`${id}::uuid`,
): { bounds: SQL; tail: SQL } {
  const id = sql.join(columns, sql`, `);
  const direction = newerThan === undefined ? sql`desc` : sql`asc`;
  const order = sql.join(
    columns.map((column) => sql`${column} ${direction}`),
    sql`, `,
  );
  const bounds =
    olderThan !== undefined
      ? sql`(${id}) < (${bound(olderThan)})`
      : newerThan !== undefined
        ? sql`(${id}) > (${bound(newerThan)})`
        : sql`true`;
  const rows = typeof limit === "number" ? limit + 1 : sql`${limit}::int`;
  return { bounds, tail: sql`order by ${order} limit ${rows}` };
}

/** A list's three statements, each with its own plan: the first page, older items, newer items. */
export function paged<Run>(
  name: string,
  make: (name: string, page: Page<Bound>) => Run,
): (page: Page) => Run {
  const limit = sql.placeholder("limit");
  const cursor = sql.placeholder("cursor");
  const first = make(name, { limit });
  const older = make(`${name}Older`, { limit, olderThan: cursor });
  const newer = make(`${name}Newer`, { limit, newerThan: cursor });
  return ({ olderThan, newerThan }) =>
    olderThan !== undefined ? older : newerThan !== undefined ? newer : first;
}

export type PageParams = { limit: number; cursor: string | null };

/** What a page's placeholders stand for. */
export const paramsOf = ({ limit, olderThan, newerThan }: Page): PageParams => ({
  limit: limit + 1,
  cursor: olderThan ?? newerThan ?? null,
});
