/** What the callers of a service saw, of a whole run and second by second. */

export interface Traffic {
  requests: number;
  ratePerSecond: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  maxMs: number;
  /** Of the time to the first byte; NaN where it is not told apart. */
  firstByteP95Ms: number;
  /** Of what was refused, not answered, or answered with something else than was asked for. */
  errorShare: number;
  /** What the load generator itself was to hold and does not, in its own words. */
  broken: string[];
}

/** One second, or as long as the load generator counts together. */
export interface Interval {
  /** Since the Unix epoch. */
  atSeconds: number;
  lengthSeconds: number;
  requests: number;
  errors: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
}

/** Which load is wanted. */
export interface Load {
  /** Where the service is, without a slash at the end. */
  url: string;
  apiKey: string;
  /** Where webhooks go. */
  hookUrl: string;
  /** Squeezes the scenario into so many seconds, and leaves our own bounds out; null for its own length. */
  lastsSeconds: number | null;
  onInterval(interval: Interval): void;
  /** Ends it early. */
  signal: AbortSignal;
}

/** Resolves when all was sent and answered. @throws Error where it could not run, or was ended early */
export type Generator = (load: Load) => Promise<Traffic>;
