import { idFloor, idTimeMs } from "../../db/id.ts";
import { dueLanes, readSweepMark, takeDueNotifications, writeSweepMark } from "../../db/queries/due.ts";
import { type PendingRow, pendingBetween, scheduledAmong } from "../../db/queries/notifications.ts";
import { type Channel, type Priority, priorities } from "../channels/channel.ts";
import type { Database, EventLog, NotificationEvent } from "../ports.ts";
import type { Telemetry } from "../telemetry.ts";
import { traceOfColumns } from "../trace-context.ts";
import type { Leadership } from "./leadership.ts";
import type { SweepTask } from "./sweep.ts";
import { iso } from "./time.ts";

interface Needs {
  db: Database;
  log: EventLog;
  telemetry: Telemetry;
  leaseMs: number;
  pendingGraceMs: number;
}

/** Rows of one kind that one statement takes at most. */
const pageMax = 2000;

/** How often what stays pending is published at most: after the grace, twice the grace, four times, and so on. */
const passesMax = 16;

/** Publishes what was scheduled for now. Every process may: each row is leased to one of them. */
export function scheduledTask(needs: Needs): SweepTask {
  return async (nowMs) => {
    const lanes = await dueLanes(needs.db.orm, {
      channels: [""],
      priorities: [...priorities],
      now: iso(nowMs),
    });
    for (const { priority } of lanes) await publishScheduled(needs, priority, nowMs);
  };
}

async function publishScheduled(
  { db, log, telemetry, leaseMs }: Needs,
  priority: Priority,
  nowMs: number,
): Promise<void> {
  const times = { now: iso(nowMs), leaseUntil: iso(nowMs + leaseMs) };
  for (let full = true; full; ) {
    const taken = await takeDueNotifications(db.orm, { ...times, priority, limit: pageMax });
    full = taken.length === pageMax;
    const rows = await scheduledAmong(
      db.orm,
      taken.map(({ notification_id }) => notification_id),
    );
    telemetry.swept("scheduled", await log.publishBuffered(rows.map(eventOf)));
  }
}

/**
 * Publishes what was accepted and not planned for too long. The mark is the id below which nothing is
 * pending any more, so that each row is looked at about once, without an index on the status.
 *
 * What the log still holds is pending as well, and may be for long where much waits. So each row is published
 * after the grace, and again only when it has waited twice, four, eight times as long: pass k looks at what
 * has come to that age since its last round. What the log took and lost does not wait for that: once the log can be
 * used, all begin anew. At the start of the only process there is no grace, since whoever accepted is gone.
 */
export function pendingTask(needs: Needs, leadership: Leadership): SweepTask {
  const { db, log, telemetry, pendingGraceMs } = needs;
  let firstRound = true;
  /** What the log had lost when all passes last began. */
  let lost = 0;
  let mark = idFloor(0);
  /** The id up to which each pass has published; empty until this process leads. */
  let passes: string[] = [];

  return async (nowMs) => {
    if ((await leadership.hold()) === null) {
      passes = [];
      telemetry.oldestPending(0); // The leader tells.
      return;
    }
    if (log.lost() > lost && log.fault() === null) {
      passes = [];
      lost = log.lost();
    }
    if (passes.length === 0) mark = (await readSweepMark(db.orm, {}))[0]?.notification_id ?? mark;
    const graceMs = firstRound && db.exclusive ? 0 : pendingGraceMs;
    const until = idFloor(nowMs - graceMs);
    // A clock that was set back dates new ids before the mark.
    const [oldest] = await pendingBetween(db.orm, { from: earlier(mark, until), to: until, limit: 1 });
    telemetry.oldestPending(oldest === undefined ? 0 : (nowMs - idTimeMs(oldest.id)) / 1000);
    const settled = oldest?.id ?? until;
    const first = passes.length === 0 ? settled : later(settled, earlier(passes[0] ?? settled, until));
    passes[0] = await publishBetween(needs, first, until);
    for (let pass = 1; pass < passesMax; pass += 1) {
      const to = earlier(idFloor(nowMs - pendingGraceMs * 2 ** pass), passes[pass - 1] ?? settled);
      // What is older when this process begins to lead was published by the first pass just now.
      const from = later(settled, passes[pass] ?? to);
      passes[pass] = from < to ? await publishBetween(needs, from, to) : to;
    }
    if (settled !== mark) await writeSweepMark(db.orm, { id: settled });
    mark = settled;
    firstRound = false;
  };
}

// biome-ignore-start lint/complexity/useMathMinMax: ids are texts, which Math.min would turn into NaN
const earlier = (a: string, b: string) => (a < b ? a : b);
const later = (a: string, b: string) => (a > b ? a : b);
// biome-ignore-end lint/complexity/useMathMinMax: as above

/** Gives the id up to which it came: the log may be full. */
async function publishBetween({ db, log, telemetry }: Needs, from: string, to: string): Promise<string> {
  for (let next = from; ; ) {
    const rows = await pendingBetween(db.orm, { from: next, to, limit: pageMax });
    const taken = rows.length === 0 ? 0 : await log.publishBuffered(rows.map(eventOf));
    telemetry.swept("pending", taken);
    const newest = rows.at(-1);
    if (newest === undefined) return to;
    if (taken < rows.length) return next;
    if (rows.length < pageMax) return to;
    next = newest.id;
  }
}

function eventOf(row: PendingRow): NotificationEvent {
  return {
    id: row.id,
    projectId: row.project_id,
    test: row.test,
    userId: row.user_id,
    priority: row.priority as Priority,
    channels: row.channels === null ? null : (row.channels.split(",") as Channel[]),
    scheduled: row.status === "scheduled",
    expiresAt: row.expires_at,
    profileAt: null,
    trace: traceOfColumns(row.traceparent, row.tracestate),
  };
}
