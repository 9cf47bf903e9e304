import { type SQL, sql } from "drizzle-orm";

/** A stretch of a list ordered by id. At most one of the two bounds is given. */
export interface Page {
  limit: number;
  /** Only older ids than this, newest first. */
  olderThan?: string | undefined;
  /** Only newer ids than this, oldest first. */
  newerThan?: string | undefined;
}

/**
 * The page's bounds and order on the columns that make the id. It asks for one row more than the limit,
 * whose presence tells that there is another page.
 */
export function pageOf(
  columns: SQL[],
  { limit, olderThan, newerThan }: Page,
  bound: (id: string) => SQL = (id) => sql`${id}::uuid`,
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
  return { bounds, tail: sql`order by ${order} limit ${limit + 1}` };
}
