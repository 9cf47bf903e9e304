import { targets } from "../../../src/targets.ts";
import { dashboard } from "./dashboard.ts";
import { figure, lines } from "./panel.ts";

export const kafka = dashboard("kafka", "Kafka", "What the event log carries, and how far it is behind.", {
  "At a glance": [
    figure("Reachable", "min(carillon_kafka_reachable)", {
      says: "1 while every process speaks to the brokers; accepted work waits in the database otherwise.",
      target: { warning: 1, critical: 0 },
    }),
    figure("Lag", "max(carillon:kafka_lag:max)", {
      says: "Events that wait to be planned, in the lane with the most.",
      target: targets.kafkaLag,
    }),
    figure("Published", "sum(rate(carillon_kafka_events_published_total[5m]))", {
      says: "Events that the brokers took, a second.",
      unit: "perSecond",
    }),
    figure("Consumed", "sum(rate(carillon_kafka_events_consumed_total[5m]))", {
      says: "Events whose handling ended well, a second.",
      unit: "perSecond",
    }),
    figure("Partitions", "sum(carillon_kafka_partitions_assigned)", {
      says: "That are consumed, of all lanes: fewer than there are means that some wait for a consumer.",
    }),
    figure("Unreadable, 1 h", "sum(increase(carillon_kafka_dead_letters_total[1h]))", {
      says: "Messages that were put aside, with their reason, in the topic of dead letters.",
      target: { warning: 1, critical: 100 },
    }),
  ],
  Messages: [
    lines(
      "Published",
      { "{{lane}}": "sum by (lane) (rate(carillon_kafka_events_published_total[$__rate_interval]))" },
      { says: "Events that the brokers took.", unit: "perSecond" },
    ),
    lines(
      "Consumed",
      { "{{lane}}": "sum by (lane) (rate(carillon_kafka_events_consumed_total[$__rate_interval]))" },
      { says: "Events whose handling ended well.", unit: "perSecond" },
    ),
    lines(
      "Lag",
      { "{{lane}}": "carillon:kafka_lag:max" },
      { says: "Events published and not yet planned.", target: targets.kafkaLag },
    ),
    lines(
      "Time of a send, p95",
      {
        "{{lane}}":
          "histogram_quantile(0.95, sum by (le, lane) (rate(carillon_kafka_send_seconds_bucket[$__rate_interval])))",
      },
      { says: "Until the brokers took it.", unit: "seconds" },
    ),
    lines(
      "Events a send",
      {
        "{{lane}}":
          "sum by (lane) (rate(carillon_kafka_send_events_sum[$__rate_interval])) / (sum by (lane) (rate(carillon_kafka_send_events_count[$__rate_interval])) > 0) or sum by (lane) (carillon_kafka_events_published_total) * 0",
      },
      { says: "On average: more of them is cheaper." },
    ),
    lines(
      "Events a batch",
      {
        "{{lane}}":
          "sum by (lane) (rate(carillon_kafka_batch_events_sum[$__rate_interval])) / (sum by (lane) (rate(carillon_kafka_batch_events_count[$__rate_interval])) > 0) or sum by (lane) (carillon_kafka_events_consumed_total) * 0",
      },
      { says: "That are handed over at once, on average." },
    ),
    lines(
      "Buffered",
      { "{{lane}}": "sum by (lane) (carillon_kafka_buffer_events)" },
      { says: "Events that wait to be sent or are being sent." },
    ),
    lines(
      "Buffered bytes",
      { "{{lane}}": "sum by (lane) (carillon_kafka_buffer_bytes)" },
      { says: "The same in bytes.", unit: "bytes" },
    ),
  ],
  Trouble: [
    lines(
      "Left to the sweep",
      {
        "refused {{lane}}": "sum by (lane) (rate(carillon_kafka_events_refused_total[$__rate_interval]))",
        "dropped {{lane}}": "sum by (lane) (rate(carillon_kafka_events_dropped_total[$__rate_interval]))",
      },
      { says: "Events for which the buffer had no room, and those of sends that failed.", unit: "perSecond" },
    ),
    lines(
      "What failed",
      {
        sends: "sum(rate(carillon_kafka_sends_failed_total[$__rate_interval]))",
        batches: "sum(rate(carillon_kafka_handlings_failed_total[$__rate_interval]))",
      },
      { says: "Sends after their retries, and batches that are handed out again.", unit: "perSecond" },
    ),
    lines(
      "Consumers",
      {
        rebalances: "sum(increase(carillon_kafka_rebalances_total[$__rate_interval]))",
        crashes: "sum(increase(carillon_kafka_consumer_crashes_total[$__rate_interval]))",
        restarts: "sum(increase(carillon_kafka_consumer_restarts_total[$__rate_interval]))",
      },
      { says: "How often partitions were dealt anew, and consumers ended and were started again." },
    ),
    lines(
      "Partitions",
      { "{{lane}}": "sum by (lane) (carillon_kafka_partitions_assigned)" },
      { says: "That are consumed." },
    ),
    lines(
      "Unreadable messages",
      { "{{reason}}": "sum by (reason) (increase(carillon_kafka_dead_letters_total[$__rate_interval]))" },
      { says: "Put aside, by reason." },
    ),
    lines(
      "Brokers",
      { "{{instance}}": "min by (instance) (carillon_kafka_reachable)" },
      { says: "1 while the process speaks to them." },
    ),
  ],
});
