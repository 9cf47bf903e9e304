import { CacheUnavailable } from "../ports.ts";

interface Pending {
  endMs: number;
  done: boolean;
  reject(error: Error): void;
}

type Ended = (ms: number, error: unknown) => unknown;

/**
 * Bounds how long any command may take. All have the same time, so they end in the order they began in: one
 * timer serves all of them (a timer for each costs as much as the command).
 */
export function createDeadlines(timeoutMs: number) {
  /** In the order of their ends; those before `first` are done and are let go of now and then. */
  let pending: Pending[] = [];
  let first = 0;
  let watching = false;

  /**
   * @param ended is told how long it took, and of the error, if there was one; what it makes of that is thrown
   * @throws CacheUnavailable after `timeoutMs`; what `command` rejects with
   */
  function within<T>(command: Promise<T>, ended: Ended = (_, error) => error): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const startMs = performance.now();
      const end = (error?: unknown) => {
        if (entry.done) return undefined;
        finish(entry);
        return ended(performance.now() - startMs, error);
      };
      const entry: Pending = {
        endMs: startMs + timeoutMs,
        done: false,
        reject: (error) => reject(end(error)),
      };
      pending.push(entry);
      if (!watching) watchFor(timeoutMs);
      command.then(
        (value) => {
          end();
          resolve(value);
        },
        (error) => reject(end(error)),
      );
    });
  }

  function finish(entry: Pending): void {
    entry.done = true;
    while (pending[first]?.done) first += 1;
    if (first < pending.length && first < doneMax) return;
    pending = pending.slice(first);
    first = 0;
  }

  function watchFor(ms: number): void {
    watching = true;
    // An answer may have come while this process was too busy to read it: it is read before anyone is told.
    setTimeout(() => setImmediate(rejectLate), Math.max(1, ms)).unref();
  }

  function rejectLate(): void {
    const nowMs = performance.now();
    const late = pending.filter(({ done, endMs }) => !done && endMs <= nowMs);
    for (const entry of late) {
      entry.reject(new CacheUnavailable(`Redis gave no answer within ${timeoutMs} ms`));
    }
    const next = pending[first];
    watching = next !== undefined;
    if (next !== undefined) watchFor(next.endMs - nowMs);
  }

  return { within };
}

/** Ended commands that are remembered before they are let go of. */
const doneMax = 1_000;
