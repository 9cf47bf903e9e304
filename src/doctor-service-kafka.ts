import { type Finding, fail, judged, ok, type Result, warn } from "./doctor-finding.ts";
import type { Interval } from "./doctor-interval.ts";
import { count, several } from "./doctor-words.ts";
import { targets } from "./targets.ts";

/** Nothing where the event log is in memory. */
export function examineEventLog(interval: Interval): Finding[] {
  const reachable = interval.value("carillon_kafka_reachable");
  if (reachable === null) return [];
  const results = [broker(reachable), lag(interval), consumers(interval)];
  return results.map((result) => ({ check: "kafka", ...result }));
}

function broker(reachable: number): Result {
  if (reachable > 0) return ok("the service reaches its brokers.");
  return fail("the service cannot use it: what is accepted waits in the database.", null, "kafka-down");
}

function lag(interval: Interval): Result {
  const name = "carillon_kafka_lag";
  const lanes = interval.words(name, "lane").map((lane) => ({
    lane,
    events: interval.value(name, (labels) => labels.lane === lane) ?? 0,
  }));
  const worst = lanes.sort((a, b) => b.events - a.events)[0] ?? { lane: "any", events: 0 };
  const found = `lag ${count(worst.events)} in the lane ${worst.lane}, the largest (target ${targets.kafkaLag.warning}).`;
  return judged(worst.events, targets.kafkaLag, found, "lag");
}

function consumers(interval: Interval): Result {
  const crashes = interval.increase("carillon_kafka_consumer_crashes_total");
  const again = interval.increase("carillon_kafka_handlings_failed_total");
  if (crashes + again === 0) return ok("its consumers run.");
  return warn(
    `${several(crashes, "consumer")} ended, ${several(again, "batch", "batches")} could not be handled and come again.`,
    null,
    "lag",
  );
}
