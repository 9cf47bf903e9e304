import { priorities } from "../channels/channel.ts";
import { createFairQueue, type FairQueue, type Place, type Waiting } from "./fair-queue.ts";

export interface BatchOptions<Item> {
  /** Rows one flush takes at most; an item that has more by itself is flushed alone. */
  rowsMax: number;
  /** Flushes under way at the same time. */
  inFlightMax: number;
  rowsOf: (item: Item) => number;
  /** What waits too long; without it, whoever adds sees to a bound. */
  overdue?: Overdue;
  /** Called before each flush. */
  onFlush?: () => void;
  /** Milliseconds of a clock that is never set. */
  nowMs?: () => number;
}

export interface Overdue {
  /** How long an item of a lane waits for its flush at most: then it is refused, and not flushed. */
  timeMaxMs: (lane: number) => number;
  refusal: (place: Place) => Error;
}

export interface Batcher<Item, Result> {
  /** Resolves with the item's own result once it was flushed. Of those without a place, who comes first goes first. */
  add(item: Item, place?: Place): Promise<Result>;
  /** Resolves once everything that was added has been flushed. */
  drained(): Promise<void>;
  /** What waits for a flush. */
  queue: Pick<FairQueue<unknown>, "items" | "rows" | "rowsOf" | "oldestOf" | "oldestIn">;
}

interface Promised<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Another flush begins beside those under way once so many rows wait, or so many milliseconds after the last one began: few rows
 * a statement cost the database more each (15 µs at 36 for an outcome, 12 at 60), and one that hangs holds up nobody.
 */
const besideRowsMin = 64;
const besideAfterMs = 10;

/** How often those that wait too long are looked for, in milliseconds. */
const overdueCheckMs = 250;
const lanes = priorities.length;
/** Rows of an owner before it is another's turn: a tenth of what accept flushes. */
const turnRows = 100;
const samePlace: Place = { lane: 0, owner: "" };

/**
 * Gathers what arrives while earlier flushes are under way, and flushes it as one. Alone, an item is flushed at once; under
 * load, the batches grow by themselves.
 *
 * While flushes hang, so does what waits: with `overdue`, for so long.
 */
export function createBatcher<Item, Result>(
  {
    rowsMax,
    inFlightMax,
    rowsOf,
    overdue,
    onFlush = () => {},
    nowMs = () => performance.now(),
  }: BatchOptions<Item>,
  flush: (items: Item[]) => Promise<(Result | Error)[]>,
): Batcher<Item, Result> {
  const queue = createFairQueue<Promised<Item, Result>>({ lanes, turnRows });
  let inFlight = 0;
  let scheduled = false;
  let onDrained: (() => void)[] = [];
  let overdueCheck: Timer | undefined;
  let besideCheck: Timer | undefined;
  let begunMs = 0;

  function refuseOverdue({ timeMaxMs, refusal }: Overdue): void {
    const atMs = nowMs();
    for (const { item, place } of queue.takeOlder((lane) => atMs - timeMaxMs(lane))) {
      item.reject(refusal(place));
    }
  }

  async function flushBatch(batch: Waiting<Promised<Item, Result>>[]): Promise<void> {
    try {
      const results = await flush(batch.map(({ item }) => item.item));
      batch.forEach(({ item: { resolve, reject } }, index) => {
        const result = results[index];
        if (result instanceof Error) reject(result);
        else resolve(result as Result);
      });
    } catch (error) {
      for (const { item } of batch) item.reject(error);
    } finally {
      inFlight -= 1;
      start();
    }
  }

  function start(): void {
    scheduled = false;
    while (inFlight < inFlightMax && queue.items() > 0 && isTime()) {
      onFlush();
      if (overdue !== undefined) refuseOverdue(overdue);
      const batch = queue.take(rowsMax);
      if (batch.length === 0) break;
      inFlight += 1;
      begunMs = nowMs();
      void flushBatch(batch);
    }
    settle();
  }

  /** Whether another flush may begin now; where only its time has not come, it is looked at again then. */
  function isTime(): boolean {
    const restMs = begunMs + besideAfterMs - nowMs();
    if (inFlight === 0 || queue.rows() >= besideRowsMin || restMs <= 0) return true;
    besideCheck ??= setTimeout(() => {
      besideCheck = undefined;
      start();
    }, restMs);
    return false;
  }

  function settle(): void {
    if (queue.items() === 0) {
      clearInterval(overdueCheck);
      overdueCheck = undefined;
      clearTimeout(besideCheck);
      besideCheck = undefined;
    }
    if (inFlight > 0 || queue.items() > 0) return;
    for (const done of onDrained) done();
    onDrained = [];
  }

  return {
    add(item, place = samePlace) {
      return new Promise((resolve, reject) => {
        queue.push({
          item: { item, resolve, reject },
          rows: rowsOf(item),
          sinceMs: nowMs(),
          place,
        });
        if (overdue !== undefined) {
          overdueCheck ??= setInterval(() => {
            refuseOverdue(overdue);
            settle();
          }, overdueCheckMs);
        }
        if (scheduled) return;
        scheduled = true;
        // After the requests that came with this one were read, so that they share the flush.
        setImmediate(start);
      });
    },
    drained() {
      if (inFlight === 0 && queue.items() === 0) return Promise.resolve();
      return new Promise((resolve) => onDrained.push(resolve));
    },
    queue,
  };
}
