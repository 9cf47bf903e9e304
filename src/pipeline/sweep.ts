import { idFloor, newId } from "../../db/id.ts";
import { dropOldPartitions, ensurePartitions } from "../../db/partitions.ts";
import {
  dueLanes,
  readSweepMark,
  releaseLeases,
  takeDueDeliveries,
  takeDueNotifications,
  writeSweepMark,
} from "../../db/queries/due.ts";
import { dropExpiredIdempotencyKeys } from "../../db/queries/idempotency.ts";
import { type PendingRow, pendingBetween, scheduledAmong } from "../../db/queries/notifications.ts";
import {
  type Channel,
  type ExternalChannel,
  type Priority,
  type Providers,
  priorities,
} from "../channels/channel.ts";
import type { Clock, Database, EventLog, NotificationEvent } from "../ports.ts";
import type { Telemetry } from "../telemetry.ts";
import type { Deliver } from "./deliver.ts";
import { idempotencyTtlMs } from "./store.ts";
import { iso } from "./time.ts";

export interface Sweep {
  /** One round: hands on everything that is due. */
  run(): Promise<void>;
  /** Rounds every interval, and at once when woken. The first one has been made when this resolves. */
  start(): Promise<void>;
  wake(): void;
  stop(): Promise<void>;
  /** For how long the oldest row that the last round found had been due. */
  oldestDueSeconds(): number;
}

interface Needs {
  db: Database;
  log: EventLog;
  clock: Clock;
  telemetry: Telemetry;
  deliver: Deliver;
  providers: Providers;
  channels: readonly ExternalChannel[];
  intervalMs: number;
  leaseMs: number;
  pendingGraceMs: number;
  retentionDays: number;
}

/** Rows of one kind that one statement takes at most. */
const pageMax = 2000;
const housekeepingEveryMs = 60_000;
const maintainEveryMs = 600_000;

export function createSweep(needs: Needs): Sweep {
  const { telemetry, clock } = needs;
  const state = { firstRound: true, mark: null as string | null, housekeptMs: 0, maintainedMs: clock.now() };
  let oldestDueSeconds = 0;
  let stopped = false;
  let wake = () => {};
  let loop: Promise<void> = Promise.resolve();

  async function run(): Promise<void> {
    const nowMs = clock.now();
    await publishPending(needs, state, nowMs);
    const lanes = await dueLanes(needs.db.orm, {
      channels: ["", ...needs.channels],
      priorities: [...priorities],
      now: iso(nowMs),
    });
    for (const { channel, priority } of lanes) {
      if (channel === "") await publishScheduled(needs, priority, nowMs);
      else await offerDeliveries(needs, channel as ExternalChannel, priority, nowMs);
    }
    state.firstRound = false;
    oldestDueSeconds = Math.max(0, ...lanes.map(({ overdue_seconds }) => overdue_seconds));
    await needs.db.boundRecovery();
    await keepHouse(needs, state, nowMs);
  }

  async function round(): Promise<void> {
    try {
      await run();
    } catch (error) {
      telemetry.failed("sweep", error);
    }
  }

  async function rounds(): Promise<void> {
    while (!stopped) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, needs.intervalMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (!stopped) await round();
    }
  }

  return {
    run,
    async start() {
      // Once, before anything is taken: later, the leases are our own.
      if (needs.db.exclusive) await releaseOrphans(needs, clock.now());
      await round();
      loop = rounds();
    },
    wake: () => wake(),
    async stop() {
      stopped = true;
      wake();
      await loop;
    },
    oldestDueSeconds: () => oldestDueSeconds,
  };
}

async function releaseOrphans({ db, telemetry }: Needs, nowMs: number): Promise<void> {
  telemetry.swept("lease", (await releaseLeases(db.orm, { now: iso(nowMs) })).length);
}

/**
 * Publishes what was accepted and not planned for too long. The mark is the id below which nothing is
 * pending any more, so that each row is looked at about once, without an index on the status. At the start
 * of the only process there is no grace: whoever accepted is gone.
 */
async function publishPending(
  { db, log, telemetry, pendingGraceMs }: Needs,
  state: { firstRound: boolean; mark: string | null },
  nowMs: number,
): Promise<void> {
  state.mark ??= (await readSweepMark(db.orm, {}))[0]?.notification_id ?? idFloor(0);
  const graceMs = state.firstRound && db.exclusive ? 0 : pendingGraceMs;
  const until = idFloor(nowMs - graceMs);
  // A clock that was set back dates new ids before the mark.
  // biome-ignore lint/complexity/useMathMinMax: ids are texts, which Math.min would turn into NaN
  const from = state.mark < until ? state.mark : until;
  let mark = until;
  for (let next = from; ; ) {
    const rows = await pendingBetween(db.orm, { from: next, to: until, limit: pageMax });
    const oldest = rows[0];
    const newest = rows.at(-1);
    if (oldest === undefined || newest === undefined) break;
    if (next === from) mark = oldest.id;
    const taken = await log.publishBuffered(rows.map(eventOf));
    telemetry.swept("pending", taken);
    if (rows.length < pageMax || taken === 0) break;
    next = newest.id;
  }
  if (mark !== state.mark) await writeSweepMark(db.orm, { id: mark });
  state.mark = mark;
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

async function offerDeliveries(
  { db, deliver, telemetry, providers, leaseMs }: Needs,
  channel: ExternalChannel,
  priority: Priority,
  nowMs: number,
): Promise<void> {
  const limit = Math.min(deliver.room(channel, priority), pageMax);
  if (limit === 0) return;
  const taken = await takeDueDeliveries(db.orm, {
    channel,
    priority,
    provider: providers[channel]?.name ?? "none",
    now: iso(nowMs),
    leaseUntil: iso(nowMs + leaseMs),
    limit,
    attemptId: newId(nowMs),
    answer: "the process that was sending this stopped before it recorded the answer",
  });
  telemetry.swept("delivery", taken.length);
  deliver.offer(
    channel,
    priority,
    taken.map(({ notification_id }) => notification_id),
  );
}

async function keepHouse(
  { db, telemetry, retentionDays }: Needs,
  state: { mark: string | null; housekeptMs: number; maintainedMs: number },
  nowMs: number,
): Promise<void> {
  if (nowMs - state.housekeptMs < housekeepingEveryMs) return;
  state.housekeptMs = nowMs;
  await ensurePartitions(db.orm, nowMs);
  await dropExpiredIdempotencyKeys(db.orm, { expiredBefore: iso(nowMs - idempotencyTtlMs), limit: 10_000 });
  const dropped = await dropOldPartitions(db.orm, {
    nowMs,
    retentionDays,
    settledBefore: state.mark ?? idFloor(0),
  });
  if (dropped.length > 0)
    telemetry.log("info", "dropped what is older than RETENTION_DAYS", { tables: dropped.join(", ") });
  if (nowMs - state.maintainedMs < maintainEveryMs) return;
  state.maintainedMs = nowMs;
  await db.maintain();
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
  };
}
