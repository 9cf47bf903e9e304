/** What must hold of a run: k6 makes thresholds of it, `bun run load` prints it beside what was measured. */

export interface Bounds {
  /** Of the time from the first byte sent to the last one received. */
  p95Ms: number;
  p99Ms: number;
  /** Of the time from the last byte sent to the first one received. */
  firstByteP95Ms: number;
  /** Of requests that were refused, were not answered, or were answered with something else than was asked for. */
  errorShare: number;
}

/** What every run is asked for, wherever it runs. */
export const targets: Bounds = { p95Ms: 500, p99Ms: 1000, firstByteP95Ms: 200, errorShare: 0.01 };

export type ScenarioName = "smoke" | "load" | "stress" | "spike" | "soak" | "mixed" | "artillery";

/**
 * Ours. Up to 100 users each leaves five times and more of what was measured on two cores that carry the service, its servers
 * and k6 at once (docs/load-tests.md): a machine that others use as well must not break it, a change for the worse must.
 * With 300 and 500 those cores are full, and what is left to a bound of ours is less.
 */
export const own: Record<ScenarioName, Bounds> = {
  smoke: { p95Ms: 25, p99Ms: 50, firstByteP95Ms: 25, errorShare: 0 },
  load: { p95Ms: 50, p99Ms: 100, firstByteP95Ms: 50, errorShare: 0 },
  stress: { p95Ms: 120, p99Ms: 250, firstByteP95Ms: 120, errorShare: 0 },
  spike: { p95Ms: 300, p99Ms: 500, firstByteP95Ms: 200, errorShare: 0 },
  soak: { p95Ms: 50, p99Ms: 100, firstByteP95Ms: 50, errorShare: 0 },
  mixed: { p95Ms: 50, p99Ms: 100, firstByteP95Ms: 50, errorShare: 0 },
  artillery: { p95Ms: 100, p99Ms: 200, firstByteP95Ms: 50, errorShare: 0 },
};
