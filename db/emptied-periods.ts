import { type SQL, sql } from "drizzle-orm";
import { lockBriefly, unlessTaken } from "./lock-wait.ts";
import { readPartitions, sharedPeriods } from "./periods.ts";
import { type Drizzle, rowsOf } from "./statement.ts";

/** Drops the periods that ended by `beforeMs` and from which every row has left. Gives the names of the partitions. */
export async function dropEmptiedPeriods(db: Drizzle, beforeMs: number): Promise<string[]> {
  const dropped: string[] = [];
  for (const { names, endMs } of sharedPeriods(await readPartitions(db))) {
    if (endMs <= beforeMs && (await dropPeriod(db, names))) dropped.push(...names);
  }
  return dropped;
}

/** Whether it did. A period that is being read for long, or that another process is dropping, is left to the next call. */
const dropPeriod = async (db: Drizzle, names: string[]): Promise<boolean> =>
  (await unlessTaken(dropUnlessFilled(db, names))) ?? false;

async function dropUnlessFilled(db: Drizzle, names: string[]): Promise<boolean> {
  if (!(await isEmpty(db, names))) return false;
  // What was deleted still fills pages: given back now, the second look, under the lock, takes no time. One that is
  // being vacuumed is passed over: whoever waits for its lock holds up the giving back (5 s, vacuum's own patience).
  for (const name of names) await db.execute(sql`vacuum (skip_locked) ${sql.raw(name)}`);
  return db.transaction((tx) => dropIfEmpty(tx, names));
}

async function dropIfEmpty(tx: Drizzle, names: string[]): Promise<boolean> {
  await lockBriefly(tx, names);
  if (!(await isEmpty(tx, names))) return false;
  for (const name of names) await tx.execute(sql`drop table ${sql.raw(name)}`);
  return true;
}

async function isEmpty(db: Drizzle, names: string[]): Promise<boolean> {
  const filled = names.map((name): SQL => sql`exists (select from ${sql.raw(name)})`);
  const [row] = rowsOf<{ filled: boolean }>(
    await db.execute(sql`select ${sql.join(filled, sql` or `)} as filled`),
  );
  return row?.filled === false;
}
