import { targets } from "../../../src/targets.ts";
import { dashboard } from "./dashboard.ts";
import { figure, lines } from "./panel.ts";

const quantile = (share: number) =>
  `histogram_quantile(${share}, sum by (le) (rate(carillon_http_request_seconds_bucket{route!~"/metrics|/healthz|/readyz"}[$__rate_interval])))`;

export const application = dashboard(
  "application",
  "application",
  "Requests, deliveries and what waits in between.",
  {
    Requests: [
      figure("Requests", "carillon:http_requests:rate5m", {
        says: "A second, probes and scrapes left out.",
        unit: "perSecond",
      }),
      figure("Error rate", "carillon:http_errors:ratio5m", {
        says: "The share of requests that are answered with a 5xx.",
        unit: "share",
        target: targets.errorRatio,
      }),
      figure("In flight", "sum(carillon_http_requests_in_flight)", {
        says: "Requests that are being answered.",
      }),
      figure("Waiting to be stored", "sum(carillon_accept_waiting)", {
        says: "Requests. The longer they wait, the more of low priority are refused with 503.",
      }),
      figure("Held up", "max(carillon_event_loop_lag_max_seconds)", {
        says: "The longest that any thread's event loop stood since the last scrape.",
        unit: "seconds",
        target: { warning: 0.5, critical: 1 },
      }),
      figure("Workers ended, 1 h", "sum(increase(carillon_worker_restarts_total[1h]))", {
        says: "By themselves; they were started again.",
        target: { warning: 1, critical: 5 },
      }),
      lines(
        "Response time",
        { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) },
        { says: "Of all routes but probes and scrapes.", unit: "seconds", target: targets.responseSeconds },
      ),
      lines(
        "Response time by route, p95",
        {
          "{{route}}":
            "histogram_quantile(0.95, sum by (le, route) (rate(carillon_http_request_seconds_bucket[$__rate_interval])))",
        },
        { says: "19 of 20 responses of the route are quicker.", unit: "seconds" },
      ),
      lines(
        "Requests by route",
        { "{{route}}": "sum by (route) (rate(carillon_http_request_seconds_count[$__rate_interval]))" },
        { says: "An unknown path is `other`.", unit: "perSecond" },
      ),
      lines(
        "Errors",
        {
          "5xx": `sum(rate(carillon_http_request_seconds_count{status=~"5.."}[$__rate_interval])) or vector(0)`,
          "4xx": `sum(rate(carillon_http_request_seconds_count{status=~"4.."}[$__rate_interval])) or vector(0)`,
          "{{stage}}": "sum by (stage) (rate(carillon_errors_total[$__rate_interval]))",
        },
        { says: "Answers by class, and errors of our own by the stage that logged them.", unit: "perSecond" },
      ),
    ],
    Overload: [
      lines(
        "Refused",
        {
          "{{what}} ({{full}})":
            "sum by (what, full) (rate(carillon_requests_shed_total[$__rate_interval])) or on () vector(0)",
        },
        {
          says: "Answered with 503 `overloaded`: by priority or kind of request, and what there was too much of.",
          unit: "perSecond",
        },
      ),
    ],
    Compression: [
      lines(
        "Bytes saved",
        {
          "{{coding}}": `1 - sum by (coding) (rate(carillon_http_compression_bytes_total{direction="out"}[$__rate_interval])) / (sum by (coding) (rate(carillon_http_compression_bytes_total{direction="in"}[$__rate_interval])) > 0) or on () vector(0)`,
        },
        { says: "Of the answers that are compressed, by coding.", unit: "share" },
      ),
      lines(
        "Time to compress, p95",
        {
          "{{coding}}":
            "histogram_quantile(0.95, sum by (le, coding) (rate(carillon_http_compression_seconds_bucket[$__rate_interval]))) or on () vector(0)",
        },
        { says: "One answer, of those that are sent as a whole.", unit: "seconds" },
      ),
    ],
    Deliveries: [
      lines(
        "Sent",
        {
          "{{channel}} {{outcome}}":
            "sum by (channel, outcome) (rate(carillon_notifications_sent_total[$__rate_interval]))",
        },
        { says: "Attempts by channel and by what the provider answered.", unit: "perSecond" },
      ),
      lines(
        "What became of deliveries",
        { "{{status}}": "sum by (status) (rate(carillon_deliveries_recorded_total[$__rate_interval]))" },
        { says: "Retrying ones are tried again; failed ones are the dead letters.", unit: "perSecond" },
      ),
      lines(
        "Waiting to be sent",
        { "{{channel}}": "sum by (channel) (carillon_channel_waiting)" },
        { says: "In the memory of a channel's queue; what finds no room there is due in the database." },
      ),
      lines(
        "Sends under way",
        {
          "{{channel}}":
            "sum by (channel) (carillon_channel_sending) / sum by (channel) (carillon_channel_sending_max)",
        },
        { says: "Of the sends that a channel may make at the same time.", unit: "share" },
      ),
      lines(
        "Giving way",
        { "{{lane}}": "min by (lane) (carillon_lane_share)" },
        {
          says: "The part of its time that a lane may work: below 1 while a more urgent one would notice more.",
          unit: "share",
        },
      ),
      lines(
        "Resting",
        { "{{lane}}": "sum by (lane) (rate(carillon_lane_rest_seconds_total[$__rate_interval]))" },
        { says: "Seconds a second that lanes rested for more urgent ones, over all that they do at a time." },
      ),
      lines(
        "Oldest",
        {
          pending: "max(carillon_pending_oldest_seconds)",
          due: "max(carillon_due_oldest_seconds)",
        },
        {
          says: "How long what waits longest has waited: to be planned, and to be sent again.",
          unit: "seconds",
        },
      ),
      lines(
        "Handed on by the sweep",
        { "{{kind}}": "sum by (kind) (rate(carillon_swept_total[$__rate_interval])) or on () vector(0)" },
        { says: "What a crash, a full log or a schedule left to it.", unit: "perSecond" },
      ),
      lines(
        "Flushes",
        {
          "{{stage}} rows":
            "sum by (stage) (rate(carillon_flush_rows_sum[$__rate_interval])) / (sum by (stage) (rate(carillon_flush_rows_count[$__rate_interval])) > 0) or sum by (stage) (carillon_flush_rows_count) * 0",
        },
        { says: "How many rows one statement writes on average: more of them is cheaper." },
      ),
      lines(
        "Cache",
        {
          "{{cache}}": `sum by (cache) (rate(carillon_cache_requests_total{result="hit"}[$__rate_interval])) / (sum by (cache) (rate(carillon_cache_requests_total[$__rate_interval])) > 0) or sum by (cache) (carillon_cache_requests_total) * 0`,
        },
        {
          says: "The share of lookups that find something, by cache.",
          unit: "share",
          target: targets.cacheHitRatio,
        },
      ),
    ],
    Redis: [
      lines(
        "Commands",
        {
          "{{command}} {{result}}":
            "sum by (command, result) (rate(carillon_redis_commands_total[$__rate_interval]))",
        },
        { says: "By name and result.", unit: "perSecond" },
      ),
      lines(
        "Command time, p95",
        {
          p95: "histogram_quantile(0.95, sum by (le) (rate(carillon_redis_command_seconds_bucket[$__rate_interval])))",
        },
        {
          says: "The guide wants it under 5 ms.",
          unit: "seconds",
          target: { warning: 0.005, critical: 0.05 },
        },
      ),
      lines(
        "Memory",
        { Redis: "max(carillon_redis_memory_bytes)" },
        { says: "What the server uses, all of its users together.", unit: "bytes" },
      ),
      lines(
        "Keys that left for others",
        {
          Redis: "max(delta(carillon_redis_evicted_keys[$__rate_interval]))",
          "this process's memory":
            "sum(increase(carillon_cache_evictions_total[$__rate_interval])) or vector(0)",
        },
        { says: "Evictions: the cache is too small for what is asked of it." },
      ),
      lines(
        "Left alone",
        {
          "circuit open": "max(carillon_redis_circuit_open)",
          "deletions it has not heard of": "sum(carillon_redis_pending_invalidations)",
        },
        { says: "Whether requests go on without Redis, and what it has to hear before it is used again." },
      ),
      lines(
        "Isolated connections",
        {
          open: "sum(carillon_redis_pool_size)",
          used: "sum(carillon_redis_pool_used)",
          "waited for": "sum(carillon_redis_pool_waiting)",
        },
        { says: "For commands that must not share one." },
      ),
    ],
  },
);
