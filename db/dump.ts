import { getTableName, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import { cursorRows } from "./cursor.ts";
import { failureOf } from "./failure.ts";
import { idTimeMs } from "./id.ts";
import { ensurePartitions } from "./partitions.ts";
import { dayMs } from "./periods.ts";
import {
  attempts,
  deadLetters,
  deliveries,
  due,
  idempotencyKeys,
  keys,
  notifications,
  projects,
  sandboxMessages,
  sweepMark,
  users,
} from "./schema.ts";
import { type Drizzle, rowsOf, unbounded } from "./statement.ts";

/** All there are, those first that others refer to; and of what is partitioned, the column with its id. */
export const tables: { table: PgTable; partitionedBy?: string }[] = [
  { table: projects },
  { table: keys },
  { table: users },
  { table: notifications, partitionedBy: "id" },
  { table: deliveries, partitionedBy: "notification_id" },
  { table: attempts, partitionedBy: "notification_id" },
  { table: due },
  { table: deadLetters },
  { table: idempotencyKeys },
  { table: sandboxMessages },
  { table: sweepMark },
];

const rowsMax = 500;

/** Rows by the name of their table. */
export type RowCounts = Record<string, number>;

/**
 * Everything as it is at one moment, a table after the other: rows as JSON in PostgreSQL's own words, so that neither a
 * microsecond nor a digit is lost. Up to 500 at a time.
 */
export async function dumpRows(
  db: Drizzle,
  each: (table: string, rows: string[]) => Promise<void>,
): Promise<void> {
  const moment = { isolationLevel: "repeatable read", accessMode: "read only" } as const;
  await db.transaction(async (tx) => {
    for (const { table } of tables) {
      const reading = {
        query: sql`select to_jsonb(t)::text as row from ${table} t`,
        batchRows: rowsMax,
        name: "dumpRows",
      };
      for await (const rows of cursorRows<{ row: string }>(tx, reading)) {
        await each(
          getTableName(table),
          rows.map(({ row }) => row),
        );
      }
      await tx.execute(sql`close all`);
    }
  }, moment);
}

/** Takes rows of a dump, in the order of the dump. */
export interface Loading {
  /** @throws BadRowsError */
  load(table: string, rows: string[]): Promise<void>;
  /** What is there now. */
  counts(): Promise<RowCounts>;
}

/** The database holds something already. */
export class NotEmptyError extends Error {
  override readonly name = "NotEmptyError";
}

/** Rows that this schema has no place for. */
export class BadRowsError extends Error {
  override readonly name = "BadRowsError";
}

/**
 * Loads a dump of the same schema into an empty database: all of it, or nothing where `work` throws.
 *
 * @param periodDays what a partition spans for which the database has none yet
 * @throws NotEmptyError
 */
export async function loadDump(
  db: Drizzle,
  periodDays: number,
  work: (loading: Loading) => Promise<void>,
): Promise<void> {
  await db.transaction(async (tx) => {
    // Who starts on this database meanwhile waits for the end before it makes a key of its own.
    await tx.execute(sql`lock table ${projects}, ${keys} in share row exclusive mode`);
    await tx.execute(sql`delete from ${sweepMark}`); // A migration has made its one row.
    const occupied = Object.entries(await countRows(tx)).filter(([, rows]) => rows > 0);
    if (occupied.length > 0) {
      throw new NotEmptyError(`there are rows in ${occupied.map(([name]) => name).join(", ")}`);
    }
    const prepare = partitionMaker(tx, periodDays);
    await work({
      load: (name, rows) => loadRows(tx, prepare, name, rows),
      counts: () => countRows(tx),
    });
  });
  // Until the planner knows how much there is, it reads whole tables.
  await db.execute(sql.raw(`${unbounded}analyze`));
}

async function loadRows(tx: Drizzle, prepare: PartitionMaker, name: string, rows: string[]): Promise<void> {
  const found = tables.find(({ table }) => getTableName(table) === name);
  if (found === undefined) throw new BadRowsError(`there is no table ${name}`);
  const { table, partitionedBy } = found;
  try {
    if (partitionedBy !== undefined) await prepare(partitionedBy, rows);
    await tx.execute(sql`
      insert into ${table}
      select * from jsonb_populate_recordset(null::${table}, ${`[${rows.join(",")}]`}::text::jsonb)`);
  } catch (error) {
    if (failureOf(error) !== "data" && !(error instanceof SyntaxError)) throw error;
    const { message, cause } = error as Error;
    // Drizzle's own message holds the rows.
    throw new BadRowsError(`rows of ${name}: ${cause instanceof Error ? cause.message : message}`);
  }
}

type PartitionMaker = (idColumn: string, rows: string[]) => Promise<void>;

/** Makes the partitions that rows need, and asks once for each of their days. */
function partitionMaker(tx: Drizzle, periodDays: number): PartitionMaker {
  const days = new Set<number>();
  return async (idColumn, rows) => {
    for (const row of rows) {
      const id = (JSON.parse(row) as Record<string, string>)[idColumn] ?? "";
      const day = Math.floor(idTimeMs(id) / dayMs);
      if (days.has(day)) continue;
      days.add(day);
      await ensurePartitions(tx, day * dayMs, periodDays);
    }
  };
}

async function countRows(db: Drizzle): Promise<RowCounts> {
  const counts: RowCounts = {};
  for (const { table } of tables) {
    const [row] = rowsOf<{ rows: number }>(await db.execute(sql`select count(*)::int as rows from ${table}`));
    counts[getTableName(table)] = row?.rows ?? 0;
  }
  return counts;
}
