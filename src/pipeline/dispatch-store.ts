import {
  insertPlans,
  insertPlansToSend,
  type PlannedDeliveries,
  type PlannedRow,
} from "../../db/queries/deliveries.ts";
import type { Channel, ExternalChannel, Json, Priority } from "../channels/channel.ts";
import type { Clock, Database } from "../ports.ts";
import type { Telemetry } from "../telemetry.ts";
import type { Tracing } from "../telemetry-tracing.ts";
import type { PlanFacts } from "../telemetry-wide.ts";
import type { ClaimedMessage } from "./claim.ts";
import type { Deliver } from "./deliver.ts";
import type { Planned } from "./placing.ts";
import { type Decision, outcomeOf } from "./plan.ts";
import { countInInbox, planFactsOf } from "./plan-facts.ts";
import { batchesAtOnce } from "./planned-together.ts";
import { iso } from "./time.ts";

interface Needs {
  db: Database;
  clock: Clock;
  telemetry: Telemetry;
  tracing: Tracing | null;
  deliver: Deliver;
  leaseMs: number;
}

/** Stores the plans of a piece by one statement; deliveries that are to be sent go on to their channel's queue. */
export async function storePiece(needs: Needs, piece: Planned[], lane: Priority): Promise<void> {
  const { clock, telemetry, tracing, deliver, leaseMs } = needs;
  const startedMs = performance.now();
  const nowMs = clock.now();
  const leaseUntilMs = nowMs + leaseMs;
  const columns = columnsOf(piece, lane, needs, nowMs);
  const store = piece.some(({ atOnce }) => atOnce.length > 0) ? insertPlansToSend : insertPlans;
  const rows = await store(needs.db.orm, columns);
  const stored = rows.filter((row) => row.kind === "deliveries");
  // What is for a full channel is due in the database, and leased to nobody.
  const full = new Set<string>(columns.fullChannels);
  const scheduled = new Set(columns.scheduledIds);
  let claimed: ReturnType<typeof claimedWithPlan> | undefined;
  let count = 0;
  for (const row of rows) {
    if (row.kind === "notifications" && row.status !== "processing") {
      telemetry.notificationsClosed(row.status, row.count);
    }
    if (row.kind !== "deliveries") continue;
    count += row.count;
    const { channel, status, notification_ids: ids } = row;
    if (status === "sent") countInInbox(telemetry, lane, ids, { nowMs, scheduled });
    if (channel === "inbox") continue;
    if (status === "queued" && !full.has(channel)) deliver.offer(channel, lane, ids, leaseUntilMs);
    if (status === "sending") {
      claimed ??= claimedWithPlan(piece, rows, leaseUntilMs);
      const messages = ids.flatMap((id) => claimed?.(id, channel) ?? []);
      deliver.take(channel, lane, messages);
    }
  }
  telemetry.flushed("dispatch", count, performance.now() - startedMs);
  telemetry.notificationsPlanned(() => plansOf(piece, stored, nowMs));
  if (tracing === null) return;
  const kept = piece.filter(({ event }) => tracing.keeps(event.trace));
  if (kept.length === 0) return;
  const endMs = Date.now();
  const beganMs = endMs - (performance.now() - startedMs);
  for (const plan of plansOf(kept, stored, nowMs)) tracing.planned(plan, beganMs, endMs);
}

/** What is ours to send, by its notification's id. */
function claimedWithPlan(
  piece: Planned[],
  rows: PlannedRow[],
  leaseUntilMs: number,
): (id: string, channel: ExternalChannel) => ClaimedMessage[] {
  const placedOf = new Map(piece.map((placed) => [placed.event.id, placed]));
  const messageOf = new Map(rows.filter((row) => row.kind === "message").map((row) => [row.id, row]));
  return (id, channel) => {
    const placed = placedOf.get(id);
    const message = messageOf.get(id);
    if (placed === undefined || message === undefined) return [];
    const { event, profile, decisions } = placed;
    const { title, body, data, metadata } = message;
    return [
      {
        notificationId: id,
        projectId: event.projectId,
        channel,
        user: profile,
        tries: 0,
        test: event.test,
        priority: event.priority,
        title,
        body,
        data: data as Json,
        metadata: metadata as Json,
        scheduled: event.scheduled,
        expiresAtMs: event.expiresAt,
        trace: event.trace,
        last: decisions.filter(({ does }) => does === "send").length === 1,
        leaseUntilMs,
      },
    ];
  };
}

/** Those that were stored now: an event that came twice was planned by whoever was first. Each has a delivery at least. */
function* plansOf(planned: Planned[], stored: PlannedDeliveries[], nowMs: number): Generator<PlanFacts> {
  const ids = new Set(stored.flatMap(({ notification_ids }) => notification_ids));
  for (const { event, decisions } of planned)
    if (ids.has(event.id)) yield planFactsOf(event, decisions, nowMs);
}

function columnsOf(piece: Planned[], lane: Priority, { deliver, leaseMs }: Needs, nowMs: number) {
  const sorted = piece.toSorted((a, b) => (a.event.id < b.event.id ? -1 : 1));
  const outcomes = sorted.map(({ decisions }) => outcomeOf(decisions));
  const deliveries = sorted.flatMap((placed) =>
    placed.decisions.map((decision) => ({
      event: placed.event,
      decision,
      status: statusOf(decision, placed),
    })),
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
    deliveryStatuses: deliveries.map(({ status }) => status),
    deliveryReasons: deliveries.map(({ decision }) => (decision.does === "skip" ? decision.reason : null)),
    now: iso(nowMs),
    leaseUntil: iso(nowMs + leaseMs),
    fullChannels: deliver.fullChannels(lane, piece.length * batchesAtOnce) satisfies Channel[],
    scheduledIds: sorted.flatMap(({ event }) => (event.scheduled ? [event.id] : [])),
  };
}

function statusOf({ channel, does }: Decision, { atOnce }: Planned): string {
  if (does === "store") return "sent";
  if (does === "skip") return "skipped";
  return atOnce.some((placed) => placed === channel) ? "sending" : "queued";
}
