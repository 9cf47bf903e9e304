import { failureOf } from "../../db/failure.ts";
import { ConnectionError } from "./postgres-connection.ts";
import type { Pool } from "./postgres-pool.ts";

interface ReplicaOptions {
  /** How long the replica may take to answer before the primary is asked. */
  answerMs: number;
  /** For how long one that did not answer is left alone. */
  aloneMs: number;
}

interface ReplicaEvents {
  /** A read went to the primary. */
  passedOver(): void;
  lost(error: unknown): void;
  back(): void;
}

/** A piece of reading, on a pool. What takes its time calls `answers` once the server has shown that it is there. */
type Ask<T> = (pool: Pool, answers: () => void) => Promise<T>;

/** Runs a piece of reading where it should run. `discard` gets what was given too late. */
export type Reads = <T>(ask: Ask<T>, discard?: (late: T) => unknown) => Promise<T>;

export const readsOf =
  (pool: Pool): Reads =>
  (ask) =>
    ask(pool, () => {});

/**
 * Reads from the replica, and from the primary while the replica does not answer. Once it failed it is left
 * alone for a while; then one read tries it, and the others follow where that one succeeds.
 */
export function readsOfReplica(
  replica: Pool,
  primary: Pool,
  { answerMs, aloneMs }: ReplicaOptions,
  events: ReplicaEvents,
): Reads {
  /** Until when it is left alone (`performance.now()`); null while it answers. */
  let aloneUntilMs: number | null = null;
  let probing = false;

  return async (ask, discard = () => {}) => {
    const isProbe = aloneUntilMs !== null && !probing && performance.now() >= aloneUntilMs;
    if (aloneUntilMs === null || isProbe) {
      probing = isProbe || probing;
      try {
        const result = await inTime((answers) => ask(replica, answers), answerMs, discard);
        if (aloneUntilMs !== null) events.back();
        aloneUntilMs = null;
        return result;
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
    return ask(primary, () => {});
  };
}

/** A server that hangs keeps its connections open: without a bound of our own, each read would wait for its time-out. */
function inTime<T>(
  ask: (answers: () => void) => Promise<T>,
  answerMs: number,
  discard: (late: T) => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      reject(new ConnectionError("CONNECTION_TIMEOUT", `the replica gave no answer for ${answerMs} ms`));
    }, answerMs);
    const answers = () => clearTimeout(timer);
    ask(answers)
      .finally(answers)
      .then((result) => (late ? discard(result) : resolve(result)), reject);
  });
}
