import { type Outcome, retryAfterMaxMs } from "../channels/channel.ts";

/** The state that follows an attempt. */
export type Verdict =
  | { status: "sent"; reason: null; retryAtMs: null }
  | { status: "retrying"; reason: null; retryAtMs: number }
  | { status: "failed"; reason: string; retryAtMs: null };

/** How far a wait strays from the schedule, so that what failed together does not come back together. */
export const jitterShare = 0.2;

/**
 * Decides what follows an attempt. `tries` counts this attempt and those before it; `schedule` holds the
 * waits in milliseconds, so that a delivery is tried `schedule.length + 1` times. `random` is in [0, 1).
 * A provider that says when to come back is not asked earlier, and not much later.
 */
export function verdictOf(
  outcome: Outcome,
  {
    tries,
    schedule,
    nowMs,
    random,
  }: { tries: number; schedule: readonly number[]; nowMs: number; random: number },
): Verdict {
  if (outcome.kind === "sent") return { status: "sent", reason: null, retryAtMs: null };
  if (outcome.kind === "failed") return { status: "failed", reason: outcome.reason, retryAtMs: null };
  const wait = schedule[tries - 1];
  if (wait === undefined) {
    const reason = outcome.kind === "ambiguous" ? "ambiguous" : "attempts_exhausted";
    return { status: "failed", reason, retryAtMs: null };
  }
  const jittered = wait * (1 + jitterShare * (2 * random - 1));
  const asked = outcome.kind === "retry" ? Math.min(outcome.retryAfterMs ?? 0, retryAfterMaxMs) : 0;
  const spread = asked * (1 + jitterShare * random);
  return { status: "retrying", reason: null, retryAtMs: Math.ceil(nowMs + Math.max(jittered, spread)) };
}
