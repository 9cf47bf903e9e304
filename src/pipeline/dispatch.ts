import { idTimeMs } from "../../db/id.ts";
import { insertPlans, type PlannedRow } from "../../db/queries/deliveries.ts";
import type { Channel, ExternalChannel, Priority } from "../channels/channel.ts";
import { type Cache, type Clock, type Database, EventsRefused, type NotificationEvent } from "../ports.ts";
import type { Telemetry } from "../telemetry.ts";
import type { Tracing } from "../telemetry-tracing.ts";
import type { PlanFacts } from "../telemetry-wide.ts";
import type { Deliver } from "./deliver.ts";
import type { LanePace } from "./lane-pace.ts";
import { type Decision, plan } from "./plan.ts";
import { loadProfiles } from "./profiles.ts";
import { type Refused, storeOrRefuse } from "./refusal.ts";
import { iso } from "./time.ts";

interface Needs {
  db: Database;
  cache: Cache;
  clock: Clock;
  telemetry: Telemetry;
  pace: LanePace;
  tracing: Tracing | null;
  deliver: Deliver;
  leaseMs: number;
  cachePreferencesTtlSeconds: number;
}

/** Batches of a lane that may be planned at the same time (KAFKA_PARTITIONS_CONCURRENT), each unaware of the others. */
const batchesAtOnce = 3;

type Planned = { event: NotificationEvent; decisions: Decision[] };

/**
 * Plans a batch and stores what was decided, in pieces where its lane gives way to others; deliveries that are to be sent go
 * on to their channel's queue.
 *
 * @throws EventsRefused where the database will never take some of it; the rest is stored
 */
export async function dispatch(needs: Needs, batch: NotificationEvent[], lane: Priority): Promise<void> {
  const { pace } = needs;
  const refused: Refused<NotificationEvent>[] = [];
  for (let at = 0; at < batch.length; ) {
    const piece = batch.slice(at, at + pace.pieceMax(lane, batch.length));
    at += piece.length;
    const startedMs = performance.now();
    refused.push(...(await storeOrRefuse(piece, (part) => dispatchPart(needs, part, lane))));
    const tookMs = performance.now() - startedMs;
    pace.took(lane, tookMs);
    await pace.rest(lane, tookMs);
  }
  if (refused.length > 0) throw new EventsRefused(refused.map(({ item, why }) => ({ event: item, why })));
}

async function dispatchPart(needs: Needs, batch: NotificationEvent[], lane: Priority): Promise<void> {
  const { clock, telemetry, tracing, deliver } = needs;
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
  // What is for a full channel is due in the database, and leased to nobody.
  const full = new Set<string>(columns.fullChannels);
  const scheduled = new Set(columns.scheduledIds);
  let rows = 0;
  for (const row of stored) {
    if (row.channel === "") {
      if (row.status !== "processing") telemetry.notificationsClosed(row.status, row.count);
      continue;
    }
    rows += row.count;
    if (row.status === "sent") countStored(needs, row.notification_ids, { scheduled, lane, nowMs });
    if (row.status === "queued" && !full.has(row.channel)) {
      deliver.offer(row.channel as ExternalChannel, lane, row.notification_ids, nowMs + needs.leaseMs);
    }
  }
  telemetry.flushed("dispatch", rows, performance.now() - startedMs);
  telemetry.notificationsPlanned(() => plansOf(planned, stored, nowMs));
  if (tracing === null) return;
  const kept = planned.filter(({ event }) => tracing.keeps(event.trace));
  if (kept.length === 0) return;
  const endMs = Date.now();
  const beganMs = endMs - (performance.now() - startedMs);
  for (const plan of plansOf(kept, stored, nowMs)) tracing.planned(plan, beganMs, endMs);
}

/** Those that were stored now: an event that came twice was planned by whoever was first. Each has a delivery at least. */
function* plansOf(planned: Planned[], stored: PlannedRow[], nowMs: number): Generator<PlanFacts> {
  const ids = new Set(stored.flatMap(({ notification_ids }) => notification_ids ?? []));
  for (const { event, decisions } of planned) {
    if (!ids.has(event.id)) continue;
    const { id, projectId, userId, test, priority, scheduled, trace } = event;
    yield {
      id,
      projectId,
      userId,
      test,
      priority,
      status: outcomeOf(decisions).status,
      decisions: Object.fromEntries(
        decisions.map((decision) => [
          decision.channel,
          decision.does === "skip" ? decision.reason : decision.does,
        ]),
      ),
      waitedMs: scheduled ? null : nowMs - idTimeMs(id),
      trace,
    };
  }
}

/** What was stored in an inbox is delivered by that. */
function countStored(
  { telemetry }: Needs,
  ids: string[],
  { scheduled, lane, nowMs }: { scheduled: Set<string>; lane: Priority; nowMs: number },
): void {
  telemetry.recordNotificationSent("inbox", lane, "sent", ids.length);
  for (const id of ids) if (!scheduled.has(id)) telemetry.deliveryEnded(lane, "inbox", idTimeMs(id), nowMs);
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
