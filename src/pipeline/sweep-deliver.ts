import { newId } from "../../db/id.ts";
import { dueLanes, releaseLeases, takeDueDeliveries } from "../../db/queries/due.ts";
import { type ExternalChannel, type Priority, type Providers, priorities } from "../channels/channel.ts";
import type { Clock, Database } from "../ports.ts";
import type { Telemetry } from "../telemetry.ts";
import type { Deliver } from "./deliver.ts";
import type { LanePace } from "./lane-pace.ts";
import type { SweepTask } from "./sweep.ts";
import { iso } from "./time.ts";

interface Needs {
  db: Database;
  clock: Clock;
  telemetry: Telemetry;
  deliver: Deliver;
  providers: Providers;
  channels: readonly ExternalChannel[];
  leaseMs: number;
  pace: LanePace;
  /** More is due than this round hands on. */
  onMore: () => void;
}

/** Rows that one statement takes at most: what is joined by a loop, where the server chooses one, grows with its square. */
const pageMax = 500;
/** Pages that a lane which gives way hands on in a round: it rests in between, and what is due of others waits for it. */
const pagesGivingWay = 8;

/** Offers deliveries that are due (retries, replays, what found its queue full, what was abandoned) to the queues. */
export function deliveriesTask(needs: Needs): SweepTask {
  return async (nowMs) => {
    const lanes = await dueLanes(needs.db.orm, {
      channels: [...needs.channels],
      priorities: [...priorities],
      now: iso(nowMs),
    });
    needs.telemetry.oldestDue(Math.max(0, ...lanes.map(({ overdue_seconds }) => overdue_seconds)));
    for (const { channel, priority } of lanes) {
      await offerDeliveries(needs, channel as ExternalChannel, priority, nowMs);
    }
  };
}

/** Once, at the start of the only process, before anything is taken: whoever held a lease is gone. */
export async function releaseOrphans({ db, clock, telemetry }: Needs): Promise<void> {
  if (!db.exclusive) return;
  telemetry.swept("lease", (await releaseLeases(db.orm, { now: iso(clock.now()) })).length);
}

async function offerDeliveries(
  { db, deliver, telemetry, providers, leaseMs, pace, onMore }: Needs,
  channel: ExternalChannel,
  priority: Priority,
  nowMs: number,
): Promise<void> {
  for (let page = 1; ; page += 1) {
    const limit = Math.min(deliver.room(channel, priority), pace.pieceMax(priority, pageMax));
    if (limit === 0) return; // It wakes the sweep once it has room.
    const startedMs = performance.now();
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
      nowMs + leaseMs,
    );
    if (taken.length < limit) return;
    if (page >= pagesGivingWay && pace.share(priority) < 1) return onMore();
    await pace.rest(priority, performance.now() - startedMs);
  }
}
