import { idTimeMs } from "../../db/id.ts";
import type { Priority } from "../channels/channel.ts";
import type { NotificationEvent } from "../ports.ts";
import type { Telemetry } from "../telemetry.ts";
import type { PlanFacts } from "../telemetry-wide.ts";
import { type Decision, outcomeOf } from "./plan.ts";

/** What is to be known of a notification that was planned at this time. */
export function planFactsOf(
  event: Pick<NotificationEvent, "id" | "projectId" | "userId" | "test" | "priority" | "scheduled" | "trace">,
  decisions: Decision[],
  nowMs: number,
): PlanFacts {
  const { id, projectId, userId, test, priority, scheduled, trace } = event;
  return {
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

/** What was stored in an inbox is delivered by that. Of what was scheduled, nobody waited for it since it was accepted. */
export function countInInbox(
  telemetry: Telemetry,
  lane: Priority,
  ids: string[],
  { nowMs, scheduled }: { nowMs: number; scheduled?: Set<string> },
): void {
  telemetry.recordNotificationSent("inbox", lane, "sent", ids.length);
  for (const id of ids) if (!scheduled?.has(id)) telemetry.deliveryEnded(lane, "inbox", idTimeMs(id), nowMs);
}
