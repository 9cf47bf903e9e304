/** For every alert, series that it must fire on and series, as near as can be, that it must not. */

/** A series → its values in promtool's notation. */
export type Series = Record<string, string>;

export interface AlertCase {
  alert: string;
  bad: Series;
  good: Series;
  /** Between samples and between evaluations, in minutes; 1 unless an alert waits for hours. */
  stepMinutes?: number;
}

/** How many steps each series lasts; they are judged at the last of them. */
export const steps = 60;
export const slowStepMinutes = 10;

const flat = (value: number) => `${value}+0x${steps}`;
const rising = (perStep: number) => `0+${perStep}x${steps}`;

const at = `instance="a",job="carillon"`;
const route = `${at},method="POST",route="/v1/notifications"`;

/** @param failed of 10,000 requests */
const requests = (failed: number): Series => ({
  [`carillon_http_request_seconds_count{${route},status="202"}`]: rising(10_000 - failed),
  [`carillon_http_request_seconds_count{${route},status="503"}`]: rising(failed),
  [`carillon_http_request_seconds_count{${at},method="GET",route="/readyz",status="503"}`]: rising(90_000),
});

/** A histogram of 10,000 observations a step, of which `slow` took between `from` and `to`, the rest 1 ms. */
const times = (name: string, labels: string, slow: number, from: number, to: number): Series => ({
  [`${name}_bucket{${labels},le="0.001"}`]: rising(10_000 - slow),
  [`${name}_bucket{${labels},le="${from}"}`]: rising(10_000 - slow),
  [`${name}_bucket{${labels},le="${to}"}`]: rising(10_000),
  [`${name}_bucket{${labels},le="+Inf"}`]: rising(10_000),
  [`${name}_count{${labels}}`]: rising(10_000),
});
const responses = (slow: number, from: number, to: number) =>
  times("carillon_http_request_seconds", `${route},status="202"`, slow, from, to);
const queries = (slow: number, from: number, to: number) =>
  times("carillon_database_query_seconds", `${at},query="listInbox"`, slow, from, to);

/** @param hits of 1,000 lookups */
const lookups = (hits: number, of = 1000): Series => ({
  [`carillon_cache_requests_total{${at},cache="user",result="hit"}`]: rising(hits),
  [`carillon_cache_requests_total{${at},cache="user",result="miss"}`]: rising(of - hits),
});

/** @param share of the process's two CPUs */
const cpu = (share: number): Series => ({
  [`process_cpu_seconds_total{${at}}`]: rising(share * 2 * 60),
  [`carillon_cpus{${at}}`]: flat(2),
});
const memory = (share: number): Series => ({
  [`carillon_machine_memory_bytes{${at}}`]: flat(1000),
  [`carillon_machine_memory_available_bytes{${at}}`]: flat(1000 * (1 - share)),
});
const disk = (freeShare: number): Series => ({
  [`carillon_disk_bytes{${at}}`]: flat(1000),
  [`carillon_disk_free_bytes{${at}}`]: flat(1000 * freeShare),
});
const pool = (inUse: number): Series => ({
  [`carillon_database_connections{${at},pool="primary",state="in_use"}`]: flat(inUse),
  [`carillon_database_connections{${at},pool="primary",state="idle"}`]: flat(100 - inUse),
  [`carillon_database_connections_max{${at},pool="primary"}`]: flat(100),
});
/** @param failed of 100 deliveries */
const deliveries = (failed: number): Series => ({
  [`carillon_deliveries_recorded_total{${at},channel="email",status="sent"}`]: rising(100 - failed),
  [`carillon_deliveries_recorded_total{${at},channel="email",status="failed"}`]: rising(failed),
});
/** Nothing, and `count` of them 8 minutes before the end. */
const lately = (count: number) => `0+0x${steps - 9} ${count}+0x7`;

const one = (name: string, labels: string, bad: string, good: string): Pick<AlertCase, "bad" | "good"> => ({
  bad: { [`${name}{${[at, labels].filter(Boolean).join(",")}}`]: bad },
  good: { [`${name}{${[at, labels].filter(Boolean).join(",")}}`]: good },
});

export const alertCases: AlertCase[] = [
  { alert: "SlowResponses", bad: responses(600, 0.5, 1), good: responses(5000, 0.25, 0.5) },
  { alert: "VerySlowResponses", bad: responses(600, 1, 2.5), good: responses(5000, 0.5, 1) },
  { alert: "ElevatedErrorRate", bad: requests(110), good: requests(90) },
  { alert: "HighErrorRate", bad: requests(510), good: requests(490) },
  { alert: "LowCacheHitRate", bad: lookups(840), good: lookups(860) },
  { alert: "LowCacheHitRate", bad: lookups(840), good: lookups(0, 50) },
  { alert: "VeryLowCacheHitRate", bad: lookups(690), good: lookups(710) },
  { alert: "SlowDatabase", bad: queries(600, 0.1, 0.25), good: queries(5000, 0.05, 0.1) },
  { alert: "VerySlowDatabase", bad: queries(600, 0.5, 1), good: queries(5000, 0.25, 0.5) },
  { alert: "KafkaLag", ...one("carillon_kafka_lag", `lane="high"`, flat(101), flat(100)) },
  { alert: "HighKafkaLag", ...one("carillon_kafka_lag", `lane="high"`, flat(1001), flat(1000)) },
  { alert: "HighCpu", bad: cpu(0.71), good: cpu(0.69) },
  { alert: "VeryHighCpu", bad: cpu(0.91), good: cpu(0.89) },
  { alert: "HighMemory", bad: memory(0.81), good: memory(0.79) },
  { alert: "VeryHighMemory", bad: memory(0.96), good: memory(0.94) },

  { alert: "Down", ...one("up", "", flat(0), flat(1)) },
  { alert: "KafkaUnreachable", ...one("carillon_kafka_reachable", "", flat(0), flat(1)) },
  { alert: "RedisUnreachable", ...one("carillon_redis_circuit_open", "", flat(1), flat(0)) },
  { alert: "WorkersEnd", ...one("carillon_worker_restarts_total", "", lately(1), flat(1)) },
  { alert: "EventLoopHeldUp", ...one("carillon_event_loop_lag_seconds", "", flat(0.6), flat(0.4)) },
  {
    alert: "Overloaded",
    ...one("carillon_requests_shed_total", `what="low",full="wait"`, rising(70), rising(50)),
  },
  { alert: "OwnErrors", ...one("carillon_errors_total", `stage="record"`, rising(7), rising(5)) },
  { alert: "OldPending", ...one("carillon_pending_oldest_seconds", "", flat(61), flat(60)) },
  { alert: "VeryOldPending", ...one("carillon_pending_oldest_seconds", "", flat(301), flat(300)) },
  { alert: "LateDeliveries", ...one("carillon_due_oldest_seconds", "", flat(301), flat(300)) },
  { alert: "DeliveriesFail", bad: deliveries(6), good: deliveries(4) },
  {
    alert: "UnreadableEvents",
    ...one("carillon_kafka_dead_letters_total", `lane="low",reason="not JSON"`, lately(1), flat(1)),
  },
  { alert: "BusyPool", bad: pool(81), good: pool(79) },
  { alert: "ExhaustedPool", ...one("carillon_database_waiting", `pool="primary"`, flat(1), flat(0)) },
  {
    alert: "SlowQueries",
    ...one("carillon_database_slow_queries_total", `query="listInbox"`, lately(11), lately(9)),
  },
  { alert: "Deadlocks", ...one("carillon_database_server_deadlocks_total", "", lately(6), lately(4)) },
  { alert: "DiskFills", bad: disk(0.09), good: disk(0.11) },
  { alert: "DiskNearlyFull", bad: disk(0.04), good: disk(0.06) },

  { alert: "BudgetBurnsInDays", bad: requests(150), good: requests(140) },
  { alert: "BudgetBurnsInDays", bad: responses(1500, 0.5, 1), good: responses(1400, 0.5, 1) },
  {
    alert: "BudgetBurnsInDays",
    bad: times("carillon_accept_to_sent_seconds", `${at},priority="low",channel="email"`, 1500, 30, 120),
    good: times("carillon_accept_to_sent_seconds", `${at},priority="low",channel="email"`, 1500, 5, 30),
  },
  { alert: "BudgetBurnsInAWeek", bad: requests(61), good: requests(59) },
  { alert: "BudgetBurnsInTenDays", bad: requests(31), good: requests(29), stepMinutes: slowStepMinutes },
  { alert: "BudgetBurns", bad: requests(11), good: requests(9), stepMinutes: slowStepMinutes },
];
