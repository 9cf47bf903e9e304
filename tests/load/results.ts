import type { ScenarioName } from "../../k6/bounds.ts";
import type { Result } from "./measure.ts";

/** A run of which everything was held, for what reads results. */
export function heldResult(name: ScenarioName, { short = false } = {}): Result {
  return {
    scenario: {
      name,
      users: "a few users",
      shortSeconds: 1,
      generate: () => Promise.reject(new Error("no load")),
    },
    short,
    startedAt: new Date("2026-01-02T03:04:05Z"),
    seconds: 60,
    traffic: {
      requests: 6000,
      ratePerSecond: 100,
      p50Ms: 2,
      p95Ms: 8,
      p99Ms: 20,
      maxMs: 50,
      firstByteP95Ms: 7,
      errorShare: 0,
      broken: [],
    },
    figures: {
      cacheHitShare: 0.95,
      databaseP95Ms: 3,
      acceptedToSentP95Ms: 40,
      lagMax: 90,
      lag: 2,
      cpuShare: 0.2,
      machineCpuShare: 0.4,
      memoryBytes: 200 * 2 ** 20,
      memoryShare: 0.02,
      unanswered: 0,
    },
    intervals: [],
    samples: [],
  };
}
