import { dropEmptiedPeriods } from "../../db/emptied-periods.ts";
import { idFloor, idTimeMs } from "../../db/id.ts";
import { dayMs } from "../../db/periods.ts";
import {
  closedIds,
  deleteRowsOfNotifications,
  lockRowsOfNotifications,
  rowsOfNotifications,
} from "../../db/queries/archive.ts";
import type { Archive, ArchivedNotification, Database } from "../ports.ts";
import type { Telemetry } from "../telemetry.ts";
import type { ArchiveTelemetry } from "../telemetry-archive.ts";
import { iso } from "./time.ts";

export interface ArchiveNeeds {
  db: Database;
  archive: Archive;
  telemetry: Pick<Telemetry, "failed">;
  archiveTelemetry: ArchiveTelemetry;
  archiveAfterDays: number;
  retentionDays: number;
  /** Aborted when the process stops: what fails then is no fault. */
  signal: AbortSignal;
}

/** Notifications that are moved at once: 64 MB where each is as large as a request may be. */
const batchMax = 250;
/** What a call moves, so that the database has time for others: 20,000 notifications a minute are 28 million a day. */
const batchesMax = 80;
const callMaxMs = 2000;
/** How often a batch's rows that change all the time are stored before they are left to the next call. */
const triesMax = 5;
/** Notifications that leave the archive by one statement, and how many such statements a call makes. */
const expiredMax = 2000;
const expiriesMax = 10;

/**
 * Moves the closed notifications of days older than `archiveAfterDays` to the archive, oldest first, a bounded
 * number a call, and drops the periods that are empty then. What is not closed, or has a dead letter that can
 * still be replayed, stays where it is until it is, or until RETENTION_DAYS. What the archive has kept for that
 * long is dropped. What fails is logged, and taken up again by the next call.
 */
export async function archiveOldDays(needs: ArchiveNeeds, nowMs: number): Promise<void> {
  const { db, archive, telemetry, archiveTelemetry, archiveAfterDays, retentionDays, signal } = needs;
  const endMs = Math.floor(nowMs / dayMs - archiveAfterDays) * dayMs;
  try {
    const reached = await moveClosed(needs, { until: idFloor(endMs), sentBefore: iso(endMs) });
    archiveTelemetry.periodsDropped(await dropEmptiedPeriods(db.orm, idTimeMs(reached)));
    const beforeMs = nowMs - retentionDays * dayMs;
    for (let nth = 0; nth < expiriesMax; nth++) {
      const count = await archive.drop({ beforeMs, max: expiredMax });
      archiveTelemetry.expired(count);
      if (count < expiredMax) break;
    }
  } catch (error) {
    if (!signal.aborted) telemetry.failed("archive", error);
  }
}

/** Gives the id below which nothing is left that can be moved. */
async function moveClosed(needs: ArchiveNeeds, old: { until: string; sentBefore: string }): Promise<string> {
  const endMs = performance.now() + callMaxMs;
  let after = idFloor(0);
  for (let nth = 0; nth < batchesMax && performance.now() < endMs; nth++) {
    const ids = await closedIds(needs.db.orm, { ...old, after, limit: batchMax });
    await move(needs, ids);
    if (ids.length < batchMax) return old.until;
    after = ids.at(-1) ?? after;
  }
  return after;
}

/**
 * Stores them, then deletes them here, and at every moment one of the two has them: whoever is killed in
 * between leaves both, and the next one stores the same again.
 *
 * They can change meanwhile: their user reads them in the inbox, or is erased. So the rows are locked and read
 * once more, and only those go that are still what was stored; the others are stored anew. No lock is held
 * while the archive is asked: it may be slow, and the embedded database has one connection. Two processes may
 * do this at once: the second one finds nothing left to delete.
 */
async function move({ db, archive, archiveTelemetry }: ArchiveNeeds, ids: string[]): Promise<void> {
  let left = ids;
  for (let nth = 0; nth < triesMax && left.length > 0; nth++) {
    const startedMs = performance.now();
    const stored = await rowsOfNotifications(db.orm, left);
    await archive.store(stored);
    const { gone, changed } = await db.transaction(async (tx) => {
      await lockRowsOfNotifications(tx, left);
      const now = await rowsOfNotifications(tx, left);
      const known = new Map(stored.map((rows) => [rows.notification.id, textOf(rows)]));
      const [same, changed] = partition(now, (rows) => known.get(rows.notification.id) === textOf(rows));
      if (same.length > 0) await deleteRowsOfNotifications(tx, same);
      return { gone: same.length, changed };
    });
    archiveTelemetry.batchMoved(gone, performance.now() - startedMs);
    left = changed;
  }
}

/** Equal where every column is: the driver gives a row's columns, and PostgreSQL a jsonb's keys, in one order. */
const textOf = (rows: ArchivedNotification) => JSON.stringify(rows);

function partition(
  rows: ArchivedNotification[],
  holds: (rows: ArchivedNotification) => boolean,
): [string[], string[]] {
  const groups = Map.groupBy(rows, holds);
  const idsOf = (group: ArchivedNotification[] = []) => group.map(({ notification }) => notification.id);
  return [idsOf(groups.get(true)), idsOf(groups.get(false))];
}
