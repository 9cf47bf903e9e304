import { type Finding, judged, ok, type Result, warn } from "./doctor-finding.ts";
import type { Interval } from "./doctor-interval.ts";
import { count, percent, several } from "./doctor-words.ts";
import { targets } from "./targets.ts";

/** So few lookups a second say nothing, as in the rules. */
const judgedPerSecond = 1;

/** Whether the cache spares the database, and whether Redis is used at all. */
export function examineCache(interval: Interval): Finding[] {
  const circuit = interval.value("carillon_redis_circuit_open");
  return [
    { check: "hit rate", ...hits(interval) },
    ...(circuit === null ? [] : [{ check: "redis", ...redis(circuit) }]),
  ];
}

function hits(interval: Interval): Result {
  const name = "carillon_cache_requests_total";
  // Who asks for the answer of an earlier request asks whether there was one: mostly there was none.
  const lookups = interval.increase(name, ({ cache }) => cache !== "answer");
  const found = interval.increase(name, ({ cache, result }) => cache !== "answer" && result === "hit");
  const ratio = lookups === 0 ? 1 : found / lookups;
  const evicted = interval.increase("carillon_cache_evictions_total");
  const left = evicted === 0 ? "" : ` ${several(evicted, "value")} left for others.`;
  const text = `${percent(ratio)} of ${several(lookups, "lookup")} (target ${percent(targets.cacheHitRatio.warning)}).${left}`;
  if (lookups / interval.seconds <= judgedPerSecond)
    return ok(`${count(lookups)} lookups: too few to judge.`);
  return judged(ratio, targets.cacheHitRatio, text, "cache-misses");
}

function redis(circuit: number): Result {
  if (circuit === 0) return ok("the service uses it.");
  return warn("does not answer the service, which goes on without it.", null, "redis-down");
}
