import { sql } from "drizzle-orm";
import { idTimeMs } from "./id.ts";
import { type Drizzle, rowsOf } from "./statement.ts";

/**
 * The spans of time by which the tables that grow are partitioned: whole days in UTC, one or several. Processes of other
 * settings or versions make longer or shorter ones on the same database: so each is what the catalog says, and none is derived
 * from a setting or a name.
 */
export interface Period {
  fromMs: number;
  /** The first moment that is not of it. */
  endMs: number;
}

/** A partition of one of the tables that grow. */
export interface Partition extends Period {
  table: string;
  name: string;
}

export const dayMs = 86_400_000;

/** A page of a user's inbox looks into every period there is: 6 µs of a server each, and 17 where 16 ask at a time. */
const dayPeriodsMax = 14;
/**
 * Longer ones keep more than was asked for, and cost writes: of 400,000 notifications a day each takes 18 µs of a server in the
 * middle of a week, and 15 in the middle of a day, whose indexes are smaller.
 */
const longPeriodDays = 7;

/** How many days a period has where rows are kept for `retentionDays`: what is 90 days old lies in one of 14 weeks. */
export const periodDaysFor = (retentionDays: number): number =>
  retentionDays <= dayPeriodsMax ? 1 : longPeriodDays;

/**
 * The partitions of the tables that grow, but for their default ones: oldest first, notifications before what hangs on them. No
 * lock of a table is waited for.
 */
export async function readPartitions(db: Drizzle): Promise<Partition[]> {
  const rows = rowsOf<{ table: string; name: string; first: string; end: string }>(
    await db.execute(sql`
      select t.relname as table, c.relname as name, bounds[1] as first, bounds[2] as end
      from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class t on t.oid = i.inhparent,
        regexp_match(pg_get_expr(c.relpartbound, 0), $$^FOR VALUES FROM \\('([0-9a-f-]{36})'\\) TO \\('([0-9a-f-]{36})'\\)$$) as bounds
      where t.relname in ('notifications', 'deliveries', 'attempts') and pg_table_is_visible(t.oid)
        and bounds is not null
      order by bounds[1], t.relname desc`),
  );
  return rows.map(({ table, name, first, end }) => ({
    table,
    name,
    fromMs: idTimeMs(first),
    endMs: idTimeMs(end),
  }));
}

/** The partitions that lie in the same time, of whichever table. */
export interface SharedPeriod extends Period {
  /** In the order that they are dropped in: what somebody reads for long keeps what hangs on it. */
  names: string[];
}

/**
 * The periods that the tables have in common, oldest first: what is kept or dropped together. Where a table has a week and
 * another its days, that is the week.
 */
export function sharedPeriods(partitions: Partition[]): SharedPeriod[] {
  const periods: SharedPeriod[] = [];
  for (const { name, fromMs, endMs } of partitions.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const last = periods.at(-1);
    if (last !== undefined && fromMs < last.endMs) {
      last.names.push(name);
      last.endMs = Math.max(last.endMs, endMs);
    } else periods.push({ names: [name], fromMs, endMs });
  }
  return periods;
}

/** The first moment from `fromMs` on that is in none of the periods, which are of one table. */
export function coveredUntil(periods: Period[], fromMs: number): number {
  let untilMs = fromMs;
  for (const { fromMs, endMs } of periods.toSorted((a, b) => a.fromMs - b.fromMs)) {
    if (fromMs <= untilMs && untilMs < endMs) untilMs = endMs;
  }
  return untilMs;
}

/**
 * The period of `days` around a moment that none of `existing` holds, cut where it would overlap one of them. Uncut ones are
 * counted from the epoch, so that every process means the same weeks.
 */
export function periodAround(existing: Period[], atMs: number, days: number): Period {
  const lengthMs = days * dayMs;
  const startMs = Math.floor(atMs / lengthMs) * lengthMs;
  const before = existing.map(({ endMs }) => endMs).filter((endMs) => endMs <= atMs);
  const after = existing.map(({ fromMs }) => fromMs).filter((fromMs) => fromMs > atMs);
  return { fromMs: Math.max(startMs, ...before), endMs: Math.min(startMs + lengthMs, ...after) };
}
