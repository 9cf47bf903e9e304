/** A database of a contract's own, and the table of counters that it is tried on. */
import { sql } from "drizzle-orm";
import { rowsOf, statement } from "../../db/statement.ts";
import type { Database } from "../../src/ports.ts";

/** A database of the test's own, empty. */
export interface TestDatabase extends AsyncDisposable {
  readonly db: Database;
  /** Closes it and opens it anew. */
  reopen(): Promise<void>;
}

export async function withCounters<Opened extends TestDatabase>(
  open: () => Promise<Opened>,
): Promise<Opened> {
  const opened = await open();
  await opened.db.orm.execute(
    sql`create table counters (id int primary key, value int not null check (value < 1000))`,
  );
  return opened;
}

const p = sql.placeholder;

export const insertCounter = statement<{ id: number; value: number }>(
  "insertCounter",
  sql`insert into counters values (${p("id")}::int, ${p("value")}::int)`,
);

export const addToCounter = statement<{ id: number; by: number }, { value: number }>(
  "addToCounter",
  sql`update counters set value = value + ${p("by")}::int where id = ${p("id")}::int returning value`,
);

/** The value of each, by its id. */
export async function values({ orm }: Database): Promise<Record<number, number>> {
  const rows = rowsOf<{ id: number; value: number }>(await orm.execute(sql`select id, value from counters`));
  return Object.fromEntries(rows.map(({ id, value }) => [id, value]));
}

/** The SQLSTATE that a piece of work is refused with, or the message of another error. */
export async function refusalOf(work: PromiseLike<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    const { cause, message } = error as Error;
    return (cause as { code?: string } | undefined)?.code ?? message;
  }
  throw new Error("nothing was refused");
}
