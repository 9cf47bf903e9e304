/** "There is no such thing" is remembered for a minute at most: what is made meanwhile must not be missed for long. */
const nothingSecondsMax = 60;

/** Times to live are spread by ±10 %, so that what was kept at once is not fetched anew at once. */
const jitter = 0.1;

/** How long a value is kept, in milliseconds: null for half as long as asked for, and a minute at most. */
export function lifeMs(value: unknown, ttlSeconds: number): number {
  const seconds = value === null ? Math.min(ttlSeconds / 2, nothingSecondsMax) : ttlSeconds;
  return Math.max(1, Math.round(seconds * 1000 * (1 - jitter + 2 * jitter * Math.random())));
}
