import { type Finding, judged, ok, type Result, warn } from "./doctor-finding.ts";
import type { Interval } from "./doctor-interval.ts";
import { percent, secondsIn, several } from "./doctor-words.ts";
import { bounds, targets } from "./targets.ts";

const histogram = "carillon_database_query_seconds";
const shownMax = 3;

/** How the service gets on with its database. */
export function examineStatements(interval: Interval): Finding[] {
  return [
    ...pools(interval).map((result) => ({ check: "pool", ...result })),
    { check: "statements", ...statements(interval) },
    { check: "slow ones", ...slow(interval) },
  ];
}

function pools(interval: Interval): Result[] {
  return interval.words("carillon_database_connections_max", "pool").map((pool) => {
    const of = (name: string, state?: string) =>
      interval.value(
        `carillon_database_${name}`,
        (labels) => labels.pool === pool && labels.state === state,
      ) ?? 0;
    const [inUse, max, waiting] = [of("connections", "in_use"), of("connections_max"), of("waiting")];
    const found = `${inUse} of ${several(max, "connection")} to the ${pool} in use (bound ${percent(bounds.poolRatio.warning)}), ${several(waiting, "statement")} waiting for one.`;
    if (waiting > 0) return { level: "fail", found, todo: null, entry: "pool-exhausted" };
    return judged(inUse / max, bounds.poolRatio, found, "pool-exhausted");
  });
}

function statements(interval: Interval): Result {
  const { count, p95 } = interval.spread(histogram);
  if (count === 0) return ok(`none within ${secondsIn(interval.seconds)}.`);
  const slowest = interval
    .slowest(histogram, "query", shownMax)
    .map(([query, spread]) => `${query} ${secondsIn(spread.p95)}`);
  const found = `p95 ${secondsIn(p95)} of ${several(count, "statement")} (target ${secondsIn(targets.querySeconds.warning)}); slowest ${slowest.join(", ")}.`;
  return judged(p95, targets.querySeconds, found, "database");
}

function slow(interval: Interval): Result {
  const name = "carillon_database_slow_queries_total";
  const queries = interval
    .words(name, "query")
    .map((query) => ({ query, times: interval.increase(name, (labels) => labels.query === query) }))
    .filter(({ times }) => times > 0)
    .map(({ query, times }) => `${query} ${times}`);
  if (queries.length === 0) return ok("none took longer than DATABASE_SLOW_QUERY_MS.");
  return warn(`slower than DATABASE_SLOW_QUERY_MS: ${queries.join(", ")}.`, null, "database");
}
