import type { Priority } from "../channels/channel.ts";
import { createQuietTime } from "./quiet-time.ts";

export interface LanePace {
  /** Rows of a lane's next piece of work, of the `most` that there may be. */
  pieceMax(lane: Priority, most: number): number;
  /** A piece of a lane's work took so long: of the critical one's they say how much the low one may work. */
  took(lane: Priority, ms: number): void;
  /** Resolves once a lane may begin its next piece, after one that took so long. */
  rest(lane: Priority, tookMs: number): Promise<void>;
  /** The part of its time that a lane may work: 1 while it gives way to none. */
  share(lane: Priority): number;
  /** The process ends: nothing gives way any more. */
  end(): void;
}

interface Needs {
  /** Milliseconds of a clock that is never set. */
  nowMs?: () => number;
  sleep?: (ms: number) => Promise<unknown>;
  /** A lane gives way for so long. */
  onRest?: (lane: Priority, ms: number) => void;
}

/** How long after its last work a lane counts as having some, in milliseconds. */
const contestedMs = 1000;
/** Rows of a piece while a lane gives way: 1 to 2 ms on a machine that takes 10 for 500. */
const pieceRows = 32;
/**
 * How many times its quiet p95 a piece of the critical lane may take. A notification is four of them and waits besides: with
 * 3 its p95 doubles, with 4 it is 2.4 times as much, with 6 3.3 times.
 */
const slowdownMax = 3;
/**
 * What a piece beyond that takes from the share of the low lane, and what one within it gives back. Where both are as
 * much, 95 pieces of 100 are within it.
 */
const decrease = 0.81;
const increase = 1.01;
/** The least share, with which a lane begins: some 600 deliveries a second where a piece takes 1.5 ms. */
const shareMin = 1 / 32;
/** A lane that gives way begins a piece after so long in any case, in milliseconds. */
const restMaxMs = 250;

const mostUrgent: Priority = "critical";
const leastUrgent: Priority = "low";

/**
 * Who waits where lanes share a processor and a database. While the critical lane has work, the low one works in small pieces
 * and rests after each, for as long as the critical one's own pieces say: where 95 of 100 take at most three times what they
 * take alone, it rests less and less, and where they do not, more. So it holds on any machine, and nothing rests unnoticed.
 *
 * What is of normal or high priority does not give way. It did, and 500 users who send a few critical ones among normal ones
 * then waited for 4.3 s at the p95, on a machine that had time for all of them.
 *
 * It is LEDBAT (RFC 6817) with a share of time in place of a window: the background yields to a delay, not to a loss, and
 * measures the delay against the one of an empty queue. As in LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus) it slows down
 * to its least now and then for as long as that is measured anew, else it would take its own delay for the empty queue's.
 */
export function createLanePace({
  nowMs = () => performance.now(),
  sleep = Bun.sleep,
  onRest = () => {},
}: Needs = {}): LanePace {
  const resting = new Set<() => void>();
  let isEnded = false;
  const quiet = createQuietTime();
  const lastWorkMs = new Map<Priority, number>();
  let lowShare = shareMin;
  const hasWork = (lane: Priority) =>
    (lastWorkMs.get(lane) ?? Number.NEGATIVE_INFINITY) > nowMs() - contestedMs;

  function shareOf(lane: Priority): number {
    if (isEnded || lane !== leastUrgent || !hasWork(mostUrgent)) return 1;
    return quiet.p95() === null ? shareMin : lowShare;
  }

  /** A lane whose share is not used says nothing about it. */
  function adapt(tookMs: number): void {
    const quietMs = quiet.p95();
    if (quietMs === null || !hasWork(leastUrgent)) return;
    const change = tookMs > quietMs * slowdownMax ? decrease : increase;
    lowShare = Math.min(1, Math.max(shareMin, lowShare * change));
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        resting.delete(wake);
        resolve();
      };
      resting.add(wake);
      void sleep(ms).then(wake);
    });
  }

  return {
    pieceMax: (lane, most) => (shareOf(lane) < 1 ? Math.min(most, pieceRows) : most),
    took(lane, ms) {
      if (lane === mostUrgent) {
        quiet.add(ms, nowMs());
        adapt(ms);
      }
      lastWorkMs.set(lane, nowMs());
    },
    async rest(lane, tookMs) {
      const share = shareOf(lane);
      if (share === 1) return;
      const restMs = Math.min(restMaxMs, tookMs * (1 / share - 1));
      onRest(lane, restMs);
      await pause(restMs);
    },
    share: shareOf,
    end() {
      isEnded = true;
      for (const wake of resting) wake();
    },
  };
}
