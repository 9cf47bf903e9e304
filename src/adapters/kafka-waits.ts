import { within } from "../within.ts";
import type { KafkaBounds } from "./kafka-bounds.ts";

/** Resolves after `ms`, or at once when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}

export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Milliseconds to wait after the `attempt`th failure in a row (the first is 1); a fifth of it is chance. */
export function backoffMs(attempt: number, { backoffFirstMs, backoffLastMs }: KafkaBounds): number {
  const ms = Math.min(backoffLastMs, backoffFirstMs * 2 ** Math.min(attempt - 1, 20));
  return ms * (0.8 + 0.2 * Math.random());
}

/** Whether `work` settled within `ms`; what it threw counts as settled. It goes on behind our back where not. */
export function settledWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  const settled = work.then(
    () => true,
    () => true,
  );
  return within(Math.max(0, ms), settled, () => false);
}
