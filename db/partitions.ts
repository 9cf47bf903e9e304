import { type SQL, sql } from "drizzle-orm";
import { idFloor } from "./id.ts";
import { type Drizzle, rowsOf } from "./statement.ts";

/** The tables that grow, with how full their pages are made: what is left is for the updates of their rows. */
const partitioned = [
  { table: "notifications", key: "id", fillfactor: 50 },
  { table: "deliveries", key: "notification_id", fillfactor: 60 },
  { table: "attempts", key: "notification_id", fillfactor: 100 },
] as const;

export const dayMs = 86_400_000;

/**
 * That an id is one of a batch, whose placeholder is `ids`, with `first` and `last` as its bounds. The bounds alone tell which
 * days need not be looked at; the list alone is what the index is asked for. With the bounds only, a batch of
 * an old notification and a new one read all that lies between: seconds instead of a millisecond.
 */
export const within = (column: string, ids: string): SQL =>
  sql`${sql.raw(column)} = any(${sql.placeholder(ids)}::uuid[])
    and ${sql.raw(column)} between ${sql.placeholder("first")} and ${sql.placeholder("last")}`;

/** How many days ahead partitions stand ready, today not counted. */
const daysAhead = 2;

/** A day as the names of its partitions end: yyyymmdd. */
export const suffixOf = (dayStartMs: number) =>
  new Date(dayStartMs).toISOString().slice(0, 10).replaceAll("-", "");

/** Makes the partitions of today and of the next days; existing ones stay. Gives how many it made. */
export async function ensurePartitions(db: Drizzle, nowMs: number): Promise<number> {
  const existing = new Set((await partitionNames(db)).map(({ name }) => name));
  const today = Math.floor(nowMs / dayMs) * dayMs;
  let made = 0;
  for (let start = today; start <= today + daysAhead * dayMs; start += dayMs) {
    for (const partition of partitioned) {
      if (existing.has(`${partition.table}_${suffixOf(start)}`)) continue;
      await makePartition(db, partition, start);
      made += 1;
    }
  }
  return made;
}

/**
 * Rows of that day can lie in the default partition already, where a machine slept over the days that stood
 * ready, or its clock was set back. PostgreSQL then refuses the new partition until they have left.
 */
async function makePartition(
  db: Drizzle,
  { table, key, fillfactor }: (typeof partitioned)[number],
  startMs: number,
): Promise<void> {
  const [first, end] = [idFloor(startMs), idFloor(startMs + dayMs)];
  const ofThatDay = sql.raw(`from ${table}_default where ${key} >= '${first}' and ${key} < '${end}'`);
  const make = sql.raw(
    `create table if not exists ${table}_${suffixOf(startMs)} partition of ${table}
     for values from ('${first}') to ('${end}') with (fillfactor = ${fillfactor})`,
  );
  await db.transaction(async (tx) => {
    // One process at a time: "if not exists" does not see what another is making at this moment.
    await tx.execute(sql`select pg_advisory_xact_lock(hashtext('carillon.partitions'))`);
    const [found] = rowsOf<{ strays: boolean }>(
      await tx.execute(sql`select exists (select ${ofThatDay}) as strays`),
    );
    if (!found?.strays) return void (await tx.execute(make));
    await tx.execute(sql`create temp table strays on commit drop as select * ${ofThatDay}`);
    await tx.execute(sql`delete ${ofThatDay}`);
    await tx.execute(make);
    await tx.execute(sql`insert into ${sql.raw(table)} select * from strays`);
  });
}

/**
 * Drops the days that are older than `retentionDays`, whole, unless something of that day is not old yet: a
 * notification scheduled for next year keeps its day until then, and for as long after. So does what was
 * never planned: no day is dropped that ends after `settledBefore`, the id below which nothing is pending.
 * Gives the names of what it dropped.
 */
export async function dropOldPartitions(
  db: Drizzle,
  { nowMs, retentionDays, settledBefore }: { nowMs: number; retentionDays: number; settledBefore: string },
): Promise<string[]> {
  const oldestMs = nowMs - retentionDays * dayMs;
  const oldest = suffixOf(oldestMs);
  const dropped: string[] = [];
  for (const { name, day } of await partitionNames(db)) {
    if (day >= oldest) continue;
    const startMs = Date.UTC(Number(day.slice(0, 4)), Number(day.slice(4, 6)) - 1, Number(day.slice(6, 8)));
    const [first, end] = [idFloor(startMs), idFloor(startMs + dayMs)];
    if (end > settledBefore) continue;
    const [kept] = rowsOf<{ kept: boolean }>(
      await db.execute(sql`
        select exists (select from due where notification_id >= ${first}::uuid and notification_id < ${end}::uuid)
          or exists (select from notifications
            where id >= ${first}::uuid and id < ${end}::uuid and send_at >= ${new Date(oldestMs).toISOString()}::timestamptz
          ) as kept`),
    );
    if (kept?.kept) continue;
    await db.transaction(async (tx) => {
      await tx.execute(
        sql`delete from dead_letters where notification_id >= ${first}::uuid and notification_id < ${end}::uuid`,
      );
      await tx.execute(sql.raw(`drop table if exists ${name}`));
    });
    dropped.push(name);
  }
  return dropped;
}

/** The partitions of days, of all the tables that grow; `day` is yyyymmdd. */
export async function partitionNames(db: Drizzle): Promise<{ name: string; day: string }[]> {
  return rowsOf(
    await db.execute(sql`
      select c.relname as name, right(c.relname, 8) as day
      from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class t on t.oid = i.inhparent
      where t.relname in ('notifications', 'deliveries', 'attempts') and c.relname ~ '_[0-9]{8}$'`),
  );
}
