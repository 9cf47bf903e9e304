import { targets } from "../../../src/targets.ts";
import { dashboard } from "./dashboard.ts";
import { figure, lines } from "./panel.ts";

export const overview = dashboard("overview", "overview", "Whether it does what it is for, at a glance.", {
  "Against the targets": [
    figure("Response time, p95", "carillon:http_request_seconds:p95_5m", {
      says: "19 of 20 responses are quicker.",
      unit: "seconds",
      target: targets.responseSeconds,
    }),
    figure("Error rate", "carillon:http_errors:ratio5m", {
      says: "The share of requests that are answered with a 5xx.",
      unit: "share",
      target: targets.errorRatio,
    }),
    figure("Cache hit rate", "carillon:cache_hits:ratio5m", {
      says: "The share of lookups that find something.",
      unit: "share",
      target: targets.cacheHitRatio,
    }),
    figure("Database query, p95", "carillon:database_query_seconds:p95_5m", {
      says: "19 of 20 statements are quicker.",
      unit: "seconds",
      target: targets.querySeconds,
    }),
    figure("Kafka's lag", "max(carillon:kafka_lag:max) or vector(0)", {
      says: "Events that wait to be planned, in the lane with the most.",
      target: targets.kafkaLag,
    }),
    figure("CPU", "max(carillon:cpu:ratio)", {
      says: "Of the CPUs that the process may use, or of the machine's: the fuller one.",
      unit: "share",
      target: targets.cpuRatio,
    }),
    figure("Memory", "max(carillon:memory:ratio)", {
      says: "Of the memory that the process may use, or of the machine's: the fuller one.",
      unit: "share",
      target: targets.memoryRatio,
    }),
    figure("Disk free", "min(carillon:disk_free:ratio)", {
      says: "Of the file system of the data folder.",
      unit: "share",
      target: { warning: 0.1, critical: 0.05 },
    }),
    figure("Oldest pending", "max(carillon_pending_oldest_seconds)", {
      says: "How long a notification has waited to be planned; 0 while all are within PENDING_GRACE_MS.",
      unit: "seconds",
      target: { warning: 60, critical: 300 },
    }),
    figure("Processes that answer", `sum(up{job="carillon"})`, { says: "Of those that Prometheus knows." }),
    figure("Alerts", `count(ALERTS{alertstate="firing"}) or vector(0)`, {
      says: "That fire now.",
      target: { warning: 1, critical: 5 },
    }),
    figure(
      "Dead letters, 1 h",
      `sum(increase(carillon_deliveries_recorded_total{status="failed"}[1h])) or vector(0)`,
      {
        says: "Deliveries that failed for good within an hour; they can be replayed.",
      },
    ),
  ],
  "What it does": [
    lines(
      "Notifications",
      {
        accepted: "sum(rate(carillon_notifications_accepted_total[$__rate_interval]))",
        closed: "sum(rate(carillon_notifications_closed_total[$__rate_interval]))",
      },
      { says: "What comes in and what comes to its end: between them is what waits.", unit: "perSecond" },
    ),
    lines(
      "From acceptance to sent, p95",
      { "{{priority}}": "carillon:accept_to_sent_seconds:p95_5m" },
      { says: "By lane; what was scheduled is left out.", unit: "seconds" },
    ),
    lines(
      "Requests",
      { "{{status}}": "sum by (status) (rate(carillon_http_request_seconds_count[$__rate_interval]))" },
      { says: "Answered, by status; probes and scrapes among them.", unit: "perSecond" },
    ),
    lines(
      "Budgets burn",
      { "{{slo}}": `carillon:slo_burn:rate{window="1h"}` },
      {
        says: "How many times as fast as it may, over the last hour.",
        target: { warning: 6, critical: 14.4 },
      },
    ),
  ],
});
