import { setImmediate as nextTurn } from "node:timers/promises";
import { type Priority, priorities } from "../channels/channel.ts";
import type { KafkaBounds } from "./kafka-bounds.ts";

export type Turns = ReturnType<typeof createTurns>;

/**
 * Who goes first where lanes share one thread: a batch gives way to batches of more urgent lanes that are being
 * handled or are about to be, for a bounded time, and is smaller as long as such lanes have work.
 */
export function createTurns(bounds: KafkaBounds) {
  const lanes = priorities.map(() => ({ batches: 0, lastWorkMs: Number.NEGATIVE_INFINITY }));
  let released = Promise.withResolvers<void>();

  const moreUrgent = (lane: Priority) => lanes.slice(0, priorities.indexOf(lane));
  const isBusy = (lane: Priority) => moreUrgent(lane).some(({ batches }) => batches > 0);

  async function giveWay(lane: Priority): Promise<void> {
    await nextTurn(); // What arrived for others in the meantime is read first.
    const { promise: late, resolve } = Promise.withResolvers<"late">();
    const timer = setTimeout(() => resolve("late"), bounds.giveWayMs);
    try {
      while (isBusy(lane)) if ((await Promise.race([released.promise, late])) === "late") return;
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    /** How many events the next batch of a lane holds at most. */
    batchMax(lane: Priority): number {
      const since = performance.now() - bounds.contestedMs;
      const contested = moreUrgent(lane).some(
        ({ batches, lastWorkMs }) => batches > 0 || lastWorkMs >= since,
      );
      return contested ? bounds.batchEventsContested : bounds.batchEvents;
    },

    /** Runs `work` in its turn. */
    async take<T>(lane: Priority, work: () => Promise<T>): Promise<T> {
      const own = lanes[priorities.indexOf(lane)];
      if (own === undefined) throw new Error(`no lane for priority ${lane}`);
      own.batches += 1;
      try {
        if (lane !== priorities[0]) await giveWay(lane);
        return await work();
      } finally {
        own.batches -= 1;
        own.lastWorkMs = performance.now();
        released.resolve();
        released = Promise.withResolvers();
      }
    },
  };
}

/**
 * What one fetch of a lane brings of a partition. kafkajs decodes a whole answer without a pause, in which no other
 * lane is served, and a megabyte compressed by zstd holds 60,000 events. Measured on a busy machine: six partitions
 * at 256 KB each held the thread for up to 330 ms, at 32 KB for 60 ms, and the rate was no lower. So a lane takes a
 * part of the setting, and the less urgent it is, the smaller a part.
 */
export function fetchBytesOf(lane: Priority, fetchBytes: number): number {
  const divisor = { critical: 8, high: 16, normal: 16, low: 32 }[lane];
  return Math.max(1024, Math.floor(fetchBytes / divisor));
}
