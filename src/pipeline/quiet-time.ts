/** Pieces that a quantile is taken of; where they are few, what came within so many milliseconds, if it is a few at least. */
const windowPieces = 100;
const windowMs = 5000;
const windowPiecesMin = 10;
/** For how long the least of them holds, in milliseconds: a plan, a server or a load that changed is seen after that. */
const periodMs = 300_000;

export interface QuietTime {
  add(tookMs: number, nowMs: number): void;
  /** In milliseconds; null where too little of a period was seen. */
  p95(): number | null;
}

/**
 * What a piece of a lane's work takes while nothing is in its way: the least p95 of a hundred pieces in a row, or of five
 * seconds, in the last five minutes. As LEDBAT takes the least delay of some minutes for that of an empty queue (RFC 6817, section 4.2); a
 * quantile, since it is a quantile that is held.
 */
export function createQuietTime(): QuietTime {
  let window: number[] = [];
  let least: number | null = null;
  let endsMs = Number.NEGATIVE_INFINITY;
  let windowSinceMs = 0;
  return {
    add(tookMs, nowMs) {
      if (nowMs >= endsMs) {
        window = [];
        least = null;
        endsMs = nowMs + periodMs;
      }
      if (window.length === 0) windowSinceMs = nowMs;
      window.push(tookMs);
      const isLong = nowMs - windowSinceMs >= windowMs && window.length >= windowPiecesMin;
      if (window.length < windowPieces && !isLong) return;
      const p95 = window.toSorted((a, b) => a - b)[Math.floor(window.length * 0.95)] ?? tookMs;
      least = Math.min(least ?? p95, p95);
      window = [];
    },
    p95: () => least,
  };
}
