/** Milliseconds since the epoch as RFC 3339 in UTC. */
export const iso = (ms: number): string => new Date(ms).toISOString();

/** Whether it is time again, since `lastMs`: a clock that was set back by a year would else be waited for for a year. */
export const isTimeAgain = (lastMs: number, nowMs: number, everyMs: number): boolean =>
  Math.abs(nowMs - lastMs) >= everyMs;
