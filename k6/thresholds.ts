/** The bounds of a scenario as k6 reads them: it ends with 99 where one of them does not hold. */
import type { Options } from "k6/options";
import { type Bounds, own, type ScenarioName, targets } from "./bounds.ts";

/** With `BOUNDS=targets` ours are left out: they hold of whole runs on one machine, not of a network or of a few seconds. */
const withOwn = __ENV.BOUNDS !== "targets";

/** @param selector of the requests that are meant, as `{scenario:readers}`; all of them unless given */
export function thresholdsOf(scenario: ScenarioName, selector = ""): NonNullable<Options["thresholds"]> {
  const all = withOwn ? [targets, own[scenario]] : [targets];
  const each = (expression: (bounds: Bounds) => string) => [...new Set(all.map(expression))];
  return {
    [`http_req_duration${selector}`]: [
      ...each(({ p95Ms }) => `p(95)<${p95Ms}`),
      ...each(({ p99Ms }) => `p(99)<${p99Ms}`),
    ],
    [`http_req_waiting${selector}`]: each(({ firstByteP95Ms }) => `p(95)<${firstByteP95Ms}`),
    [`errors${selector}`]: each(({ errorShare }) => (errorShare > 0 ? `rate<${errorShare}` : "rate==0")),
  };
}
