import { failureOf } from "../../db/failure.ts";
import { clientOf, type DrizzleClient } from "./postgres-client.ts";
import type { Pool } from "./postgres-pool.ts";

interface ReplicaEvents {
  /** A read went to the primary. */
  passedOver(): void;
  lost(error: unknown): void;
  back(): void;
}

/**
 * Reads from the replica, and from the primary while the replica does not answer. Once it failed it is left
 * alone for `aloneMs` milliseconds; then one read tries it, and the others follow where that one succeeds.
 */
export function replicaClient(
  replica: Pool,
  primary: Pool,
  aloneMs: number,
  events: ReplicaEvents,
): DrizzleClient {
  /** Until when it is left alone (`performance.now()`); null while it answers. */
  let aloneUntilMs: number | null = null;
  let probing = false;

  return clientOf(primary, async (text, params, options) => {
    const isProbe = aloneUntilMs !== null && !probing && performance.now() >= aloneUntilMs;
    if (aloneUntilMs === null || isProbe) {
      probing = isProbe || probing;
      try {
        const rows = await replica.run(text, [...params], options);
        if (aloneUntilMs !== null) events.back();
        aloneUntilMs = null;
        return rows;
      } catch (error) {
        // A standby cancels a read that is in the way of what it has to replay, too: that is a "conflict".
        const failure = failureOf(error);
        if (failure !== "unreachable" && failure !== "conflict") throw error;
        if (failure === "unreachable") {
          if (aloneUntilMs === null) events.lost(error);
          aloneUntilMs = performance.now() + aloneMs;
        }
      } finally {
        if (isProbe) probing = false;
      }
    }
    events.passedOver();
    return primary.run(text, params, options);
  });
}
