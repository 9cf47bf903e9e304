interface BatchOptions<Item> {
  /** Rows one flush takes at most; an item that has more by itself is flushed alone. */
  rowsMax: number;
  /** Flushes under way at the same time. */
  inFlightMax: number;
  rowsOf: (item: Item) => number;
  /** What may wait; without it, whoever adds sees to a bound. */
  waiting?: WaitingBounds;
}

export interface WaitingBounds {
  /** Rows that wait for a flush at most: what comes beyond them is refused. */
  rowsMax: number;
  /** How long an item waits for its flush at most: then it is refused, and not flushed. */
  timeMaxMs: number;
  refusal: () => Error;
}

export interface Batcher<Item, Result> {
  /** Resolves with the item's own result once it was flushed. */
  add(item: Item): Promise<Result>;
  /** Resolves once everything that was added has been flushed. */
  drained(): Promise<void>;
  /** Items that wait for a flush. */
  waiting(): number;
}

interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
  sinceMs: number;
}

/** How often those that wait too long are looked for, in milliseconds. */
const overdueCheckMs = 250;

/**
 * Gathers what arrives while earlier flushes are under way, and flushes it as one. There is no timer: alone,
 * an item is flushed at once; under load, the batches grow by themselves.
 *
 * While flushes hang, so does what waits: with `waiting`, so many rows and for so long.
 */
export function createBatcher<Item, Result>(
  { rowsMax, inFlightMax, rowsOf, waiting: bounds }: BatchOptions<Item>,
  flush: (items: Item[]) => Promise<(Result | Error)[]>,
): Batcher<Item, Result> {
  let queue: Waiting<Item, Result>[] = [];
  let head = 0;
  let waitingRows = 0;
  let inFlight = 0;
  let scheduled = false;
  let onDrained: (() => void)[] = [];
  let overdueCheck: Timer | undefined;

  function takeBatch(): Waiting<Item, Result>[] {
    const from = head;
    let rows = 0;
    while (head < queue.length) {
      const next = queue[head];
      if (next === undefined) break;
      const more = rowsOf(next.item);
      if (rows + more > rowsMax && head > from) break;
      rows += more;
      head += 1;
    }
    const batch = queue.slice(from, head);
    waitingRows -= rows;
    forgetTaken();
    return batch;
  }

  function forgetTaken(): void {
    if (head < queue.length) return;
    queue = [];
    head = 0;
    clearInterval(overdueCheck);
    overdueCheck = undefined;
  }

  function refuseOverdue({ timeMaxMs, refusal }: WaitingBounds): void {
    const oldestMs = performance.now() - timeMaxMs;
    for (let next = queue[head]; next !== undefined && next.sinceMs < oldestMs; next = queue[head]) {
      head += 1;
      waitingRows -= rowsOf(next.item);
      next.reject(refusal());
    }
    forgetTaken();
    settle();
  }

  async function flushBatch(batch: Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await flush(batch.map(({ item }) => item));
      batch.forEach(({ resolve, reject }, index) => {
        const result = results[index];
        if (result instanceof Error) reject(result);
        else resolve(result as Result);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      inFlight -= 1;
      start();
    }
  }

  function start(): void {
    scheduled = false;
    while (inFlight < inFlightMax && head < queue.length) {
      inFlight += 1;
      void flushBatch(takeBatch());
    }
    settle();
  }

  function settle(): void {
    if (inFlight > 0 || head < queue.length) return;
    for (const done of onDrained) done();
    onDrained = [];
  }

  return {
    add(item) {
      const rows = rowsOf(item);
      if (bounds !== undefined && waitingRows > 0 && waitingRows + rows > bounds.rowsMax) {
        return Promise.reject(bounds.refusal());
      }
      return new Promise((resolve, reject) => {
        queue.push({ item, resolve, reject, sinceMs: performance.now() });
        waitingRows += rows;
        if (bounds !== undefined) overdueCheck ??= setInterval(() => refuseOverdue(bounds), overdueCheckMs);
        if (scheduled) return;
        scheduled = true;
        // After the requests that came with this one were read, so that they share the flush.
        setImmediate(start);
      });
    },
    drained() {
      if (inFlight === 0 && head === queue.length) return Promise.resolve();
      return new Promise((resolve) => onDrained.push(resolve));
    },
    waiting: () => queue.length - head,
  };
}
