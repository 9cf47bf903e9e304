import { type SQL, sql } from "drizzle-orm";
import { idFloor } from "./id.ts";
import { unlessTaken, waitBriefly } from "./lock-wait.ts";
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

/**
 * Makes the partitions of today and of the next days; existing ones stay. Gives how many it made: those of a table that
 * somebody reads for long are left to the next call, days before they are needed.
 */
export async function ensurePartitions(db: Drizzle, nowMs: number): Promise<number> {
  const existing = new Set((await partitionNames(db)).map(({ name }) => name));
  const today = Math.floor(nowMs / dayMs) * dayMs;
  let made = 0;
  for (const partition of partitioned) {
    for (let start = today; start <= today + daysAhead * dayMs; start += dayMs) {
      if (existing.has(`${partition.table}_${suffixOf(start)}`)) continue;
      const isMade = await unlessTaken(db.transaction((tx) => makePartition(tx, partition, start)));
      if (isMade === null) break;
      if (isMade) made += 1;
    }
  }
  return made;
}

/**
 * Whether it was not there yet. The day is made beside its table and attached when it is ready: reading and writing go on
 * meanwhile, but for what the default partition is asked for.
 *
 * Rows of that day can lie in there already, where a machine slept over the days that stood ready, or its clock
 * was set back. PostgreSQL refuses the day until they have left: so they go along, and none comes while it is locked.
 */
async function makePartition(
  tx: Drizzle,
  { table, key, fillfactor }: (typeof partitioned)[number],
  startMs: number,
): Promise<boolean> {
  const name = `${table}_${suffixOf(startMs)}`;
  const [first, end] = [idFloor(startMs), idFloor(startMs + dayMs)];
  // One process at a time. Who waits here has no other lock, and holds nobody up.
  await tx.execute(sql`select pg_advisory_xact_lock(hashtext('carillon.partitions'))`);
  if ((await partitionNames(tx)).some((made) => made.name === name)) return false;
  await tx.execute(
    sql.raw(`create table ${name} (like ${table} including all) with (fillfactor = ${fillfactor})`),
  );
  await waitBriefly(tx);
  await tx.execute(sql.raw(`lock table ${table}_default in access exclusive mode`));
  await tx.execute(
    sql.raw(`
      with strays as (delete from ${table}_default where ${key} >= '${first}' and ${key} < '${end}' returning *)
      insert into ${name} select * from strays`),
  );
  await tx.execute(
    sql.raw(`alter table ${table} attach partition ${name} for values from ('${first}') to ('${end}')`),
  );
  return true;
}

/**
 * Drops the days that are older than `retentionDays`, whole, unless something of that day is not old yet: a
 * notification scheduled for next year keeps its day until then, and for as long after. So does what was
 * never planned: no day is dropped that ends after `settledBefore`, the id below which nothing is pending.
 * Gives the names of what it dropped; what somebody reads for long is left to the next call.
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
    const drop = db.transaction(async (tx) => {
      await waitBriefly(tx);
      await tx.execute(
        sql`delete from dead_letters where notification_id >= ${first}::uuid and notification_id < ${end}::uuid`,
      );
      await tx.execute(sql.raw(`drop table if exists ${name}`));
      return name;
    });
    if ((await unlessTaken(drop)) === null) break;
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
