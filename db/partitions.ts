import { sql } from "drizzle-orm";
import { idFloor } from "./id.ts";
import { type Drizzle, rowsOf } from "./statement.ts";

/** The tables that grow, with how full their pages are made: what is left is for the updates of their rows. */
const partitioned = [
  { table: "notifications", fillfactor: 60 },
  { table: "deliveries", fillfactor: 60 },
  { table: "attempts", fillfactor: 100 },
] as const;

const dayMs = 86_400_000;

/** How many days ahead partitions stand ready, today not counted. */
const daysAhead = 2;

const suffixOf = (dayStartMs: number) => new Date(dayStartMs).toISOString().slice(0, 10).replaceAll("-", "");

/** Makes the partitions of today and of the next days; existing ones stay. Gives how many it made. */
export async function ensurePartitions(db: Drizzle, nowMs: number): Promise<number> {
  const existing = new Set((await partitionNames(db)).map(({ name }) => name));
  const today = Math.floor(nowMs / dayMs) * dayMs;
  let made = 0;
  for (let start = today; start <= today + daysAhead * dayMs; start += dayMs) {
    for (const { table, fillfactor } of partitioned) {
      const name = `${table}_${suffixOf(start)}`;
      if (existing.has(name)) continue;
      await db.execute(
        sql.raw(
          `create table if not exists ${name} partition of ${table}
           for values from ('${idFloor(start)}') to ('${idFloor(start + dayMs)}') with (fillfactor = ${fillfactor})`,
        ),
      );
      made += 1;
    }
  }
  return made;
}

/**
 * Drops the days that are older than `retentionDays`, whole, unless something of that day is still due: a
 * notification scheduled for next year keeps its day. Gives the names of what it dropped.
 */
export async function dropOldPartitions(
  db: Drizzle,
  { nowMs, retentionDays }: { nowMs: number; retentionDays: number },
): Promise<string[]> {
  const oldest = suffixOf(nowMs - retentionDays * dayMs);
  const dropped: string[] = [];
  for (const { name, day } of await partitionNames(db)) {
    if (day >= oldest) continue;
    const start = Date.UTC(Number(day.slice(0, 4)), Number(day.slice(4, 6)) - 1, Number(day.slice(6, 8)));
    const [open] = rowsOf<{ open: boolean }>(
      await db.execute(sql`
        select exists (select from due
          where notification_id >= ${idFloor(start)}::uuid and notification_id < ${idFloor(start + dayMs)}::uuid
        ) as open`),
    );
    if (open?.open) continue;
    await db.transaction(async (tx) => {
      await tx.execute(
        sql`delete from dead_letters
          where notification_id >= ${idFloor(start)}::uuid and notification_id < ${idFloor(start + dayMs)}::uuid`,
      );
      await tx.execute(sql.raw(`drop table if exists ${name}`));
    });
    dropped.push(name);
  }
  return dropped;
}

async function partitionNames(db: Drizzle): Promise<{ name: string; day: string }[]> {
  return rowsOf(
    await db.execute(sql`
      select c.relname as name, right(c.relname, 8) as day
      from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class t on t.oid = i.inhparent
      where t.relname in ('notifications', 'deliveries', 'attempts') and c.relname ~ '_[0-9]{8}$'`),
  );
}
