import { type SQL, sql } from "drizzle-orm";
import { idFloor } from "./id.ts";
import { lockBriefly, lockWritesBriefly, unlessTaken } from "./lock-wait.ts";
import {
  coveredUntil,
  dayMs,
  type Partition,
  type Period,
  periodAround,
  readPartitions,
  sharedPeriods,
} from "./periods.ts";
import { type Drizzle, rowsOf } from "./statement.ts";

/** The tables that grow, with how full their pages are made: what is left is for the updates of their rows. */
const partitioned = [
  { table: "notifications", key: "id", fillfactor: 50 },
  { table: "deliveries", key: "notification_id", fillfactor: 60 },
  { table: "attempts", key: "notification_id", fillfactor: 100 },
] as const;

/**
 * That an id is one of a batch, whose placeholder is `ids`, with `first` and `last` as its bounds. The bounds alone tell which
 * partitions need not be looked at; the list alone is what the index is asked for. With the bounds only, a batch of
 * an old notification and a new one read all that lies between: seconds instead of a millisecond.
 */
export const within = (column: string, ids: string): SQL =>
  sql`${sql.raw(column)} = any(${sql.placeholder(ids)}::uuid[])
    and ${sql.raw(column)} between ${sql.placeholder("first")} and ${sql.placeholder("last")}`;

/** How many days ahead partitions stand ready at least, today not counted. */
const daysAhead = 2;

/** A day as the names of partitions have it: yyyymmdd. */
export const suffixOf = (dayStartMs: number) =>
  new Date(dayStartMs).toISOString().slice(0, 10).replaceAll("-", "");

/**
 * Makes the partitions of today and of the next days; existing ones stay, and new ones begin and end where those do. Gives how
 * many it made: those of a table that somebody reads for long are left to the next call, days before they are needed.
 *
 * @param periodDays what a partition spans where it has the room
 */
export async function ensurePartitions(db: Drizzle, nowMs: number, periodDays = 1): Promise<number> {
  const todayMs = Math.floor(nowMs / dayMs) * dayMs;
  const untilMs = todayMs + (daysAhead + 1) * dayMs;
  let made = 0;
  let existing = await readPartitions(db);
  for (const place of partitioned) {
    const missingFrom = () => coveredUntil(ofTable(existing, place.table), todayMs);
    for (let atMs = missingFrom(); atMs < untilMs; atMs = missingFrom()) {
      const wanted = { atMs, periodDays, hasBegun: atMs === todayMs };
      const isMade = await unlessTaken(db.transaction((tx) => makePartition(tx, place, wanted)));
      if (isMade === null) break;
      if (isMade) made += 1;
      existing = await readPartitions(db);
    }
  }
  return made;
}

const ofTable = (partitions: Partition[], table: string) =>
  partitions.filter((partition) => partition.table === table);

/**
 * Whether there was none at that moment yet. The partition is made beside its table and attached when it is ready: reading and
 * writing go on meanwhile, but for what the default partition is asked for.
 *
 * Rows of that time can lie in there already, where a machine slept over the days that stood ready, or its clock
 * was set back. PostgreSQL refuses the partition until they have left: so they go along, and none comes while it is locked.
 * Nor may one be on its way there that waits for this lock: PostgreSQL refuses the row afterwards (23514), as if it were bad.
 * So where rows are written for that time already, whoever writes waits for the table, before the row's way is chosen.
 */
async function makePartition(
  tx: Drizzle,
  { table, key, fillfactor }: (typeof partitioned)[number],
  { atMs, periodDays, hasBegun }: { atMs: number; periodDays: number; hasBegun: boolean },
): Promise<boolean> {
  // One process at a time. Who waits here has no other lock, and holds nobody up.
  await tx.execute(sql`select pg_advisory_xact_lock(hashtext('carillon.partitions'))`);
  const existing = ofTable(await readPartitions(tx), table);
  if (coveredUntil(existing, atMs) > atMs) return false;
  const period = periodAround(existing, atMs, periodDays);
  const name = nameOf(table, period);
  const [first, end] = boundsOf(period);
  await tx.execute(
    sql.raw(`create table ${name} (like ${table} including all) with (fillfactor = ${fillfactor})`),
  );
  if (hasBegun) await lockWritesBriefly(tx, table);
  await lockBriefly(tx, [`${table}_default`]);
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
 * One of several days says so: versions that know of days alone take what ends in a date for that day, and drop it after that day.
 */
function nameOf(table: string, { fromMs, endMs }: Period): string {
  const days = (endMs - fromMs) / dayMs;
  return `${table}_${suffixOf(fromMs)}${days === 1 ? "" : `_${days}d`}`;
}

/** The ids between which those of a period lie, its end not included. */
const boundsOf = ({ fromMs, endMs }: Period) => [idFloor(fromMs), idFloor(endMs)] as const;

/**
 * Drops the periods of which all is older than `retentionDays`, whole, unless something in them is not old yet: a
 * notification scheduled for next year keeps its period until then, and for as long after. So does what was
 * never planned: no period is dropped that ends after `settledBefore`, the id below which nothing is pending.
 * Gives the names of the partitions that it dropped; what somebody reads for long is left to the next call.
 */
export async function dropOldPartitions(
  db: Drizzle,
  { nowMs, retentionDays, settledBefore }: { nowMs: number; retentionDays: number; settledBefore: string },
): Promise<string[]> {
  const oldestMs = nowMs - retentionDays * dayMs;
  const old = sharedPeriods(await readPartitions(db)).filter(({ endMs }) => endMs <= oldestMs);
  const dropped: string[] = [];
  for (const period of old) {
    const [, end] = boundsOf(period);
    if (end > settledBefore || (await holdsYoung(db, period, oldestMs))) continue;
    for (const name of period.names) {
      const isDropped = await unlessTaken(
        db.transaction((tx) => dropUnlessYoung(tx, name, { period, oldestMs })),
      );
      if (isDropped === null) return dropped;
      if (!isDropped) break;
      dropped.push(name);
    }
  }
  return dropped;
}

/** Looks once more under the lock: what somebody replayed meanwhile is due, and to be sent. */
async function dropUnlessYoung(
  tx: Drizzle,
  name: string,
  { period, oldestMs }: { period: Period; oldestMs: number },
): Promise<boolean> {
  const [first, end] = boundsOf(period);
  await lockBriefly(tx, [name]);
  if (await holdsYoung(tx, period, oldestMs)) return false;
  await tx.execute(
    sql`delete from dead_letters where notification_id >= ${first}::uuid and notification_id < ${end}::uuid`,
  );
  await tx.execute(sql.raw(`drop table ${name}`));
  return true;
}

/** Whether something of a period is due, or was only due after `oldestMs`. */
async function holdsYoung(db: Drizzle, period: Period, oldestMs: number): Promise<boolean> {
  const [first, end] = boundsOf(period);
  const [row] = rowsOf<{ kept: boolean }>(
    await db.execute(sql`
      select exists (select from due where notification_id >= ${first}::uuid and notification_id < ${end}::uuid)
        or exists (select from notifications
          where id >= ${first}::uuid and id < ${end}::uuid and send_at >= ${new Date(oldestMs).toISOString()}::timestamptz
        ) as kept`),
  );
  return row?.kept !== false;
}
