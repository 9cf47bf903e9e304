/** The targets that a run is held against, and what comes of it. */
import { type Bounds, own, targets } from "../../k6/bounds.ts";
import type { Result } from "./measure.ts";

type Unit = "ms" | "%" | "events";

interface Measure {
  name: string;
  unit: Unit;
  /** NaN where it was not measured. */
  value(result: Result): number;
  target: number;
  /** Beyond it somebody must act. */
  critical?: number;
  /** Ours, for each scenario or for all. */
  own?: number | ((bounds: Bounds) => number);
  /** Whether less is worse, as of hits. */
  atLeast?: true;
}

/** The guide's table of targets, its criteria of load tests, and of its other targets what tells how the product did. */
const measures: Measure[] = [
  {
    name: "response time (p95)",
    unit: "ms",
    value: ({ traffic }) => traffic.p95Ms,
    target: targets.p95Ms,
    critical: 1000,
    own: ({ p95Ms }) => p95Ms,
  },
  {
    name: "response time (p99)",
    unit: "ms",
    value: ({ traffic }) => traffic.p99Ms,
    target: targets.p99Ms,
    own: ({ p99Ms }) => p99Ms,
  },
  {
    name: "time to the first byte (p95)",
    unit: "ms",
    value: ({ traffic }) => traffic.firstByteP95Ms,
    target: targets.firstByteP95Ms,
    own: ({ firstByteP95Ms }) => firstByteP95Ms,
  },
  {
    name: "error rate",
    unit: "%",
    value: ({ traffic }) => traffic.errorShare * 100,
    target: targets.errorShare * 100,
    critical: 5,
    own: ({ errorShare }) => errorShare * 100,
  },
  {
    name: "cache hit rate",
    unit: "%",
    value: ({ figures }) => figures.cacheHitShare * 100,
    target: 85,
    critical: 70,
    atLeast: true,
  },
  {
    name: "database query (p95)",
    unit: "ms",
    value: ({ figures }) => figures.databaseP95Ms,
    target: 100,
    critical: 500,
    own: 50,
  },
  {
    name: "accepted to sent (p95)",
    unit: "ms",
    value: ({ figures }) => figures.acceptedToSentP95Ms,
    target: 500,
    own: 250,
  },
  {
    name: "lag (average)",
    unit: "events",
    value: ({ figures }) => figures.lag,
    target: 100,
    critical: 1000,
  },
  {
    name: "CPU of the service",
    unit: "%",
    value: ({ figures }) => figures.cpuShare * 100,
    target: 70,
    critical: 90,
  },
  {
    name: "memory of the service",
    unit: "%",
    value: ({ figures }) => figures.memoryShare * 100,
    target: 80,
    critical: 95,
  },
];

export type Verdict = "held" | "own bound missed" | "target missed" | "critical" | "not measured";

/** For people, but for the verdict. */
export interface Row {
  measure: string;
  target: string;
  critical: string;
  own: string;
  here: string;
  verdict: Verdict;
}

/** Our own bounds hold of whole runs: a short form is mostly a beginning. */
export function rowsOf(result: Result): Row[] {
  return measures.map((measure) => {
    const { name, unit, target, critical, atLeast } = measure;
    const [inside, beyond] = atLeast ? [">", "<"] : ["<", ">"];
    const here = measure.value(result);
    const bound = result.short ? undefined : ownBound(measure, own[result.scenario.name]);
    return {
      measure: name,
      target: `${inside} ${shown(target, unit)}`,
      critical: critical === undefined ? "" : `${beyond} ${shown(critical, unit)}`,
      own: bound === undefined ? "" : bound === 0 ? "none" : `${inside} ${shown(bound, unit)}`,
      here: Number.isNaN(here) ? "" : shown(here, unit),
      verdict: verdictOf(here, measure, bound),
    };
  });
}

function ownBound({ own }: Measure, bounds: Bounds): number | undefined {
  return typeof own === "function" ? own(bounds) : own;
}

function verdictOf(here: number, { target, critical, atLeast }: Measure, own: number | undefined): Verdict {
  if (Number.isNaN(here)) return "not measured";
  const isBeyond = (bound: number | undefined) =>
    bound !== undefined && (atLeast ? here < bound : here > bound);
  if (isBeyond(critical)) return "critical";
  if (isBeyond(target)) return "target missed";
  return isBeyond(own) ? "own bound missed" : "held";
}

function shown(value: number, unit: Unit): string {
  const digits = Number.isInteger(value) || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const number = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return unit === "events" ? number : `${number} ${unit}`;
}

/** Whether all was held that the run was held against. */
export const isHeld = (result: Result): boolean =>
  result.traffic.broken.length === 0 &&
  rowsOf(result).every(({ verdict }) => verdict === "held" || verdict === "not measured");
