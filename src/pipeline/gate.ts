import type { FairQueue, Place } from "./fair-queue.ts";
import { fitsShare } from "./shares.ts";

/** How far a lane may use what its owner may: the lower, the sooner it is refused. By its index: critical, high, normal, low. */
const waitParts = [1, 0.75, 0.5, 0.25];
const rowsParts = [1, 0.5, 0.25, 0.15];
/**
 * A queue that stands for so long, in milliseconds, is no burst. Until then it may be longer than it should: a checkpoint
 * or a slow disk holds up everything for a moment, and nobody would gain by being refused.
 */
const burstMs = 1000;
/** How long a request waits at most for its flush to begin while none does, in milliseconds. */
const stallMaxMs = 5000;

export type Full = "wait" | "rows";

/** Who may still queue up. */
export interface Gate {
  /** What there is too much of for so many more rows to be taken; null where they are. */
  full(place: Place, rows: number): Full | null;
  /** Whether more is offered of a lane than is taken, rather than that nothing is taken at the moment. */
  stands(lane: number): boolean;
  /** How long an item of a lane may wait until it is refused after all, in milliseconds. */
  waitMaxMs(lane: number): number;
  /** To be called before anything is taken from the queue. */
  look(): void;
}

interface GateOptions {
  queue: Pick<FairQueue<unknown>, "rows" | "rowsOf" | "oldestOf" | "oldestIn">;
  /** How long the first lane may wait; the others a part of it. */
  waitMs: number;
  /** Rows that may wait at most. */
  rowsMax: number;
  now: () => number;
}

/**
 * Keeps a queue short, by how long its first item waits: with what is offered above what is taken, any queue only adds
 * its length to everybody's wait. After CoDel (RFC 8289) in the form that servers use (Maurer, "Fail at scale", ACM Queue 13-8,
 * 2015): a standing queue is refused what a burst is granted.
 */
export function createGate({ queue, waitMs, rowsMax, now }: GateOptions): Gate {
  const standingSince: (number | null)[] = waitParts.map(() => null);
  const waitMsOf = (lane: number) => waitMs * (waitParts[lane] ?? 0);

  const burstMsOf = (lane: number) => Math.max(burstMs, waitMsOf(lane));

  function stands(lane: number): boolean {
    const since = standingSince[lane] ?? null;
    return since !== null && now() - since >= burstMs;
  }

  return {
    full(place, rows) {
      const since = queue.oldestOf(place);
      const toleratedMs = stands(place.lane) ? waitMsOf(place.lane) : burstMsOf(place.lane);
      if (since !== null && now() - since > toleratedMs) return "wait";
      const own = queue.rowsOf(place.owner);
      const part = rowsParts[place.lane] ?? 0;
      return fitsShare({ max: rowsMax, used: queue.rows(), own, part }, rows) ? null : "rows";
    },
    stands,
    waitMaxMs: (lane) => (stands(lane) ? burstMsOf(lane) : stallMaxMs),
    look() {
      const nowMs = now();
      for (const lane of standingSince.keys()) {
        const oldest = queue.oldestIn(lane);
        if (oldest === null || nowMs - oldest < waitMsOf(lane)) standingSince[lane] = null;
        else standingSince[lane] ??= nowMs;
      }
    },
  };
}
