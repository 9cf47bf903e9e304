import { idTimeMs } from "../../db/id.ts";
import { insertPlans, type PlannedDeliveries } from "../../db/queries/deliveries.ts";
import type { Channel, ExternalChannel, Priority } from "../channels/channel.ts";
import type { Cache, Clock, Database, NotificationEvent } from "../ports.ts";
import type { Telemetry } from "../telemetry.ts";
import type { Deliver } from "./deliver.ts";
import { type Decision, plan } from "./plan.ts";
import { loadProfiles } from "./profiles.ts";
import { iso } from "./time.ts";

interface Needs {
  db: Database;
  cache: Cache;
  clock: Clock;
  telemetry: Telemetry;
  deliver: Deliver;
  leaseMs: number;
  cachePreferencesTtlSeconds: number;
}

/** Batches of a lane that may be planned at the same time (KAFKA_PARTITIONS_CONCURRENT), each unaware of the others. */
const batchesAtOnce = 3;

type Planned = { event: NotificationEvent; decisions: Decision[] };

/** Plans a batch and stores what was decided; deliveries that are to be sent go on to their channel's queue. */
export async function dispatch(needs: Needs, batch: NotificationEvent[], lane: Priority): Promise<void> {
  const { clock, telemetry, deliver } = needs;
  const startedMs = performance.now();
  const profiles = await loadProfiles(needs, batch);
  const nowMs = clock.now();
  const planned = batch.map((event, index): Planned => {
    const profile = profiles[index];
    if (profile === undefined) throw new Error("a profile is missing from a batch");
    return { event, decisions: plan(event, profile, deliver.reachable, nowMs) };
  });
  const columns = columnsOf(planned, lane, needs, nowMs);
  const stored = await insertPlans(needs.db.orm, columns);
  count(needs, columns, stored, nowMs);
  const rows = stored.reduce((sum, { notification_ids }) => sum + notification_ids.length, 0);
  telemetry.flushed("dispatch", rows, performance.now() - startedMs);
  // What is for a full channel is due in the database, and leased to nobody.
  const full = new Set<string>(columns.fullChannels);
  for (const { status, channel, notification_ids } of stored) {
    if (status === "queued" && !full.has(channel)) {
      deliver.offer(channel as ExternalChannel, lane, notification_ids, nowMs + needs.leaseMs);
    }
  }
}

/** What was stored in an inbox is delivered by that; what has nothing left to send is closed. */
function count(
  { telemetry }: Needs,
  { ids, statuses, priority }: ReturnType<typeof columnsOf>,
  stored: PlannedDeliveries[],
  nowMs: number,
): void {
  for (const { status, notification_ids } of stored) {
    if (status !== "sent") continue;
    telemetry.recordNotificationSent("inbox", priority, "sent", notification_ids.length);
    for (const id of notification_ids) telemetry.deliveryEnded(priority, "inbox", idTimeMs(id), nowMs);
  }
  const planned = new Set(stored.flatMap(({ notification_ids }) => notification_ids));
  const closed = statuses.filter((status, index) => status !== "processing" && planned.has(ids[index] ?? ""));
  for (const [status, these] of Map.groupBy(closed, (one) => one)) {
    telemetry.notificationsClosed(status, these.length);
  }
}

function columnsOf(planned: Planned[], lane: Priority, { deliver, leaseMs }: Needs, nowMs: number) {
  const sorted = planned.toSorted((a, b) => (a.event.id < b.event.id ? -1 : 1));
  const outcomes = sorted.map(({ decisions }) => outcomeOf(decisions));
  const deliveries = sorted.flatMap(({ event, decisions }) =>
    decisions.map((decision) => ({ event, decision })),
  );
  const ids = sorted.map(({ event }) => event.id);
  return {
    ids,
    priority: lane,
    statuses: outcomes.map(({ status }) => status),
    reasons: outcomes.map(({ reason }) => reason),
    first: ids[0] ?? "",
    last: ids.at(-1) ?? "",
    deliveryNotificationIds: deliveries.map(({ event }) => event.id),
    deliveryChannels: deliveries.map(({ decision }) => decision.channel),
    deliveryProjectIds: deliveries.map(({ event }) => event.projectId),
    deliveryUserIds: deliveries.map(({ event }) => event.userId),
    deliveryStatuses: deliveries.map(({ decision }) => deliveryStatus[decision.does]),
    deliveryReasons: deliveries.map(({ decision }) => (decision.does === "skip" ? decision.reason : null)),
    now: iso(nowMs),
    leaseUntil: iso(nowMs + leaseMs),
    fullChannels: deliver.fullChannels(lane, planned.length * batchesAtOnce) satisfies Channel[],
    scheduledIds: sorted.flatMap(({ event }) => (event.scheduled ? [event.id] : [])),
  };
}

const deliveryStatus: Record<Decision["does"], string> = { send: "queued", store: "sent", skip: "skipped" };

/** The notification's own status, as soon as its plan is made. */
function outcomeOf(decisions: Decision[]): { status: string; reason: string | null } {
  if (decisions.some(({ does }) => does === "send")) return { status: "processing", reason: null };
  if (decisions.some(({ does }) => does === "store")) return { status: "sent", reason: null };
  const [first] = decisions;
  return { status: "skipped", reason: first?.does === "skip" ? first.reason : null };
}
