import { type Finding, judged, ok, type Result } from "./doctor-finding.ts";
import type { Interval } from "./doctor-interval.ts";
import { count, percent, secondsIn, several } from "./doctor-words.ts";
import type { Labels } from "./metrics-text.ts";
import { bounds, targets } from "./targets.ts";

const histogram = "carillon_http_request_seconds";
const shownMax = 3;

/** Probes and scrapes are no requests of users. */
const isOfUsers = ({ route = "" }: Labels) => !["/metrics", "/healthz", "/readyz"].includes(route);
const isError = (labels: Labels) => isOfUsers(labels) && (labels.status ?? "").startsWith("5");

/** Whether callers are answered in time, and well. */
export function examineRequests(interval: Interval): Finding[] {
  const { count: requests, p95 } = interval.spread(histogram, isOfUsers);
  const many = `${several(requests, "request")} in ${secondsIn(interval.seconds)}`;
  if (requests === 0) return [{ check: "responses", ...ok(`${many}: nothing to judge.`) }];

  const slowest = interval
    .slowest(histogram, "route", shownMax, isOfUsers)
    .map(([route, spread]) => `${route} ${secondsIn(spread.p95)}`);
  const responses = `p95 ${secondsIn(p95)} of ${many} (target ${secondsIn(targets.responseSeconds.warning)}); slowest ${slowest.join(", ")}.`;

  const ratio = interval.increase(`${histogram}_count`, isError) / requests;
  const errors = `${percent(ratio)} of ${many} answered with a 5xx (target ${percent(targets.errorRatio.warning)})${where(interval)}.`;
  return [
    { check: "responses", ...judged(p95, targets.responseSeconds, responses, "high-latency") },
    { check: "errors", ...judged(ratio, targets.errorRatio, errors, "high-error-rate") },
    { check: "refused", ...refused(interval) },
  ];
}

function where(interval: Interval): string {
  const counts = interval.words(`${histogram}_count`, "route").flatMap((route) =>
    interval.words(`${histogram}_count`, "status").map((status) => ({
      what: `${status} at ${route}`,
      requests: interval.increase(
        `${histogram}_count`,
        (labels) => isError(labels) && labels.route === route && labels.status === status,
      ),
    })),
  );
  const shown = counts
    .filter(({ requests }) => requests > 0)
    .sort((a, b) => b.requests - a.requests)
    .slice(0, shownMax)
    .map(({ what }) => what);
  return shown.length === 0 ? "" : `: ${shown.join(", ")}`;
}

/** What was refused so that the rest is answered in time. */
function refused(interval: Interval): Result {
  const name = "carillon_requests_shed_total";
  const shed = interval
    .words(name, "what")
    .map((what) => ({ what, requests: interval.increase(name, (labels) => labels.what === what) }))
    .filter(({ requests }) => requests > 0)
    .map(({ what, requests }) => `${what} ${count(requests)}`);
  const rate = interval.rate(name);
  const found = `${Number(rate.toFixed(1))} requests a second were too many (bound ${bounds.shedPerSecond.warning})${shed.length === 0 ? "" : `: ${shed.join(", ")}`}.`;
  return judged(rate, bounds.shedPerSecond, found, "overloaded");
}
