import { idFloor } from "../../db/id.ts";
import { dropOldPartitions, ensurePartitions } from "../../db/partitions.ts";
import { periodDaysFor } from "../../db/periods.ts";
import { readSweepMark } from "../../db/queries/due.ts";
import { deleteOldStrays } from "../../db/strays.ts";
import type { Database } from "../ports.ts";
import type { Telemetry } from "../telemetry.ts";
import type { Archiving } from "./archiving.ts";
import type { Leadership } from "./leadership.ts";
import type { SweepTask } from "./sweep.ts";
import { isTimeAgain } from "./time.ts";

interface Needs {
  db: Database;
  telemetry: Telemetry;
  retentionDays: number;
  /** Null where there is no archive. */
  archiving: Archiving | null;
}

const housekeepingEveryMs = 60_000;
const maintainEveryMs = 600_000;

/** Makes the coming days' partitions, drops old ones, and keeps the database in shape. */
export function housekeepingTask(needs: Needs, leadership: Leadership, startedMs: number): SweepTask {
  const { db, telemetry, archiving, retentionDays } = needs;
  let keptMs = 0;
  let maintainedMs = startedMs;

  return async (nowMs) => {
    await db.boundRecovery();
    if (!isTimeAgain(keptMs, nowMs, housekeepingEveryMs) || (await leadership.hold()) === null) return;
    keptMs = nowMs;
    await ensurePartitions(db.orm, nowMs, periodDaysFor(retentionDays));
    archiving?.begin(nowMs);
    const settledBefore = (await readSweepMark(db.orm, {}))[0]?.notification_id ?? idFloor(0);
    const old = { nowMs, retentionDays, settledBefore };
    const dropped = await dropOldPartitions(db.orm, old);
    if (dropped.length > 0)
      telemetry.log("info", "dropped what is older than RETENTION_DAYS", { tables: dropped.join(", ") });
    await deleteOldStrays(db.orm, old);
    if (!isTimeAgain(maintainedMs, nowMs, maintainEveryMs)) return;
    maintainedMs = nowMs;
    await db.maintain();
  };
}
