export interface RecentCount {
  add(): void;
  /** How many there were in a window lately, as a whole number. */
  lately(): number;
}

/** Counts what happens, by windows of so many milliseconds. */
export function createRecentCount(
  windowMs: number,
  nowMs: () => number = () => performance.now(),
): RecentCount {
  let sinceMs = nowMs();
  let count = 0;
  let before = 0;

  function turn(): void {
    const elapsedMs = nowMs() - sinceMs;
    if (elapsedMs < windowMs) return;
    before = Math.round((count * windowMs) / elapsedMs);
    count = 0;
    sinceMs += elapsedMs;
  }

  return {
    add() {
      turn();
      count += 1;
    },
    lately() {
      turn();
      return Math.max(before, count);
    },
  };
}
