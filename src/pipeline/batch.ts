interface BatchOptions<Item> {
  /** Rows one flush takes at most; an item that has more by itself is flushed alone. */
  rowsMax: number;
  /** Flushes under way at the same time. */
  inFlightMax: number;
  rowsOf: (item: Item) => number;
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
}

/**
 * Gathers what arrives while earlier flushes are under way, and flushes it as one. There is no timer: alone,
 * an item is flushed at once; under load, the batches grow by themselves.
 */
export function createBatcher<Item, Result>(
  { rowsMax, inFlightMax, rowsOf }: BatchOptions<Item>,
  flush: (items: Item[]) => Promise<(Result | Error)[]>,
): Batcher<Item, Result> {
  let queue: Waiting<Item, Result>[] = [];
  let head = 0;
  let inFlight = 0;
  let scheduled = false;
  let onDrained: (() => void)[] = [];

  function takeBatch(): Waiting<Item, Result>[] {
    const from = head;
    let rows = 0;
    while (head < queue.length) {
      const next = queue[head];
      if (next === undefined) break;
      rows += rowsOf(next.item);
      if (rows > rowsMax && head > from) break;
      head += 1;
    }
    const batch = queue.slice(from, head);
    if (head === queue.length) {
      queue = [];
      head = 0;
    }
    return batch;
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
    if (inFlight === 0 && head === queue.length) {
      for (const done of onDrained) done();
      onDrained = [];
    }
  }

  return {
    add(item) {
      return new Promise((resolve, reject) => {
        queue.push({ item, resolve, reject });
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
