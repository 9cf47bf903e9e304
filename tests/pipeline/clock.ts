import type { Clock } from "../../src/ports.ts";

/** A clock that stands still until it is stepped. */
export interface SteppedClock extends Clock {
  step(ms: number): void;
}

export const second = 1000;
export const minute = 60 * second;
export const hour = 60 * minute;
export const day = 24 * hour;

/** Starts on a Monday morning, far from midnight. */
export function steppedClock(startMs = Date.parse("2026-03-02T10:00:00Z")): SteppedClock {
  let nowMs = startMs;
  return {
    now: () => nowMs,
    step: (ms) => {
      nowMs += ms;
    },
  };
}
