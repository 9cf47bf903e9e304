import { type SQL, sql } from "drizzle-orm";
import { partitionNames } from "./partitions.ts";
import { type Drizzle, rowsOf } from "./statement.ts";

/** For how long a day waits for its table's lock, with every query of that table queued behind it, in ms. */
const lockTimeoutMs = 1000;

/**
 * Drops the days before `before` (as their names have it, yyyymmdd) from which every row has left. Gives the
 * names of what it dropped.
 */
export async function dropEmptiedDays(db: Drizzle, before: string): Promise<string[]> {
  const old = (await partitionNames(db)).filter(({ day }) => day < before);
  const dropped: string[] = [];
  for (const day of [...new Set(old.map(({ day }) => day))].sort()) {
    const names = old.filter((partition) => partition.day === day).map(({ name }) => name);
    if (!(await isEmpty(db, names))) continue;
    // What was deleted still fills pages: given back now, the second look, under the lock, takes no time.
    for (const name of names) await db.execute(sql`vacuum ${sql.raw(name)}`);
    if (await db.transaction((tx) => dropIfEmpty(tx, names))) dropped.push(...names);
  }
  return dropped;
}

async function dropIfEmpty(tx: Drizzle, names: string[]): Promise<boolean> {
  const tables = sql.raw(names.join(", "));
  await tx.execute(sql`set local lock_timeout = ${sql.raw(String(lockTimeoutMs))}`);
  await tx.execute(sql`lock table ${tables} in access exclusive mode`);
  if (!(await isEmpty(tx, names))) return false;
  await tx.execute(sql`drop table ${tables}`);
  return true;
}

async function isEmpty(db: Drizzle, names: string[]): Promise<boolean> {
  const filled = names.map((name): SQL => sql`exists (select from ${sql.raw(name)})`);
  const [row] = rowsOf<{ filled: boolean }>(
    await db.execute(sql`select ${sql.join(filled, sql` or `)} as filled`),
  );
  return row?.filled === false;
}
