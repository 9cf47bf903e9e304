import { targets } from "../../../src/targets.ts";
import { dashboard } from "./dashboard.ts";
import { figure, lines } from "./panel.ts";

const quantile = (share: number) =>
  `histogram_quantile(${share}, sum by (le) (rate(carillon_database_query_seconds_bucket[$__rate_interval])))`;

export const database = dashboard("database", "database", "Queries, the pool and the server.", {
  Queries: [
    figure("Query, p95", "carillon:database_query_seconds:p95_5m", {
      says: "19 of 20 statements are quicker.",
      unit: "seconds",
      target: targets.querySeconds,
    }),
    figure("Slow ones, 1 h", "sum(increase(carillon_database_slow_queries_total[1h])) or vector(0)", {
      says: "Took longer than DATABASE_SLOW_QUERY_MS; each is logged with its name.",
      target: { warning: 10, critical: 100 },
    }),
    figure("Pool in use", "max(carillon:database_pool:ratio)", {
      says: "Of the connections there may be; 60 to 80 % is what they are for.",
      unit: "share",
      target: { warning: 0.8, critical: 0.95 },
    }),
    figure("Waiting", "sum(carillon_database_waiting)", {
      says: "Statements and transactions that wait for a connection.",
      target: { warning: 1, critical: 10 },
    }),
    figure("Deadlocks, 1 h", "max(increase(carillon_database_server_deadlocks_total[1h])) or vector(0)", {
      says: "That the server resolved.",
      target: { warning: 1, critical: 20 },
    }),
    figure("Size", "max(carillon_database_server_size_bytes)", {
      says: "Of the database on its disk, indexes included.",
      unit: "bytes",
    }),
    lines(
      "Query time",
      { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) },
      { says: "Of all statements.", unit: "seconds", target: targets.querySeconds },
    ),
    lines(
      "Query time by name, p95",
      {
        "{{query}}":
          "histogram_quantile(0.95, sum by (le, query) (rate(carillon_database_query_seconds_bucket[$__rate_interval])))",
      },
      { says: "carillon explain <name> shows the plan of one.", unit: "seconds" },
    ),
    lines(
      "Queries by name",
      { "{{query}}": "sum by (query) (rate(carillon_database_query_seconds_count[$__rate_interval]))" },
      { says: "How often each runs.", unit: "perSecond" },
    ),
    lines(
      "Time by name",
      { "{{query}}": "sum by (query) (rate(carillon_database_query_seconds_sum[$__rate_interval]))" },
      {
        says: "Seconds of the database a second: what would be gained by making one quicker.",
        unit: "seconds",
      },
    ),
    lines(
      "Slow statements",
      { "{{query}}": "sum by (query) (increase(carillon_database_slow_queries_total[$__rate_interval]))" },
      { says: "By name." },
    ),
    lines(
      "Conflicts",
      {
        "{{kind}}": "sum by (kind) (increase(carillon_database_conflicts_total[$__rate_interval]))",
        "deadlocks of the server":
          "max(increase(carillon_database_server_deadlocks_total[$__rate_interval]))",
      },
      { says: "Transactions that the server took back and that were begun anew." },
    ),
  ],
  Connections: [
    lines(
      "Pool",
      {
        "{{pool}} {{state}}": "sum by (pool, state) (carillon_database_connections)",
        "{{pool}} at most": "sum by (pool) (carillon_database_connections_max)",
      },
      { says: "Connections of all processes and threads, by what they do." },
    ),
    lines(
      "Waiting for a connection",
      { "{{pool}}": "sum by (pool) (carillon_database_waiting)" },
      { says: "More than none for long: raise DATABASE_POOL_MAX, or make queries quicker." },
    ),
    lines(
      "Opened and closed",
      {
        opened: "sum(rate(carillon_database_connections_opened_total[$__rate_interval]))",
        "closed: {{why}}":
          "sum by (why) (rate(carillon_database_connections_closed_total[$__rate_interval]))",
      },
      { says: "Unused for long, replaced after DATABASE_CONNECTION_USES, or lost.", unit: "perSecond" },
    ),
    lines(
      "Reads that passed the replica over",
      { reads: "sum(rate(carillon_database_replica_fallbacks_total[$__rate_interval]))" },
      { says: "Since it did not answer.", unit: "perSecond" },
    ),
  ],
  Server: [
    lines(
      "Transactions",
      { "{{end}}": "max by (end) (rate(carillon_database_server_transactions_total[$__rate_interval]))" },
      { says: "By how they ended, whosever they were.", unit: "perSecond" },
    ),
    lines(
      "Found in memory",
      {
        blocks: `max(rate(carillon_database_server_blocks_total{in="memory"}[$__rate_interval])) / (max(sum without (in) (rate(carillon_database_server_blocks_total[$__rate_interval]))) > 0) or vector(1)`,
      },
      { says: "The share of blocks that did not have to be read from the disk.", unit: "share" },
    ),
    lines(
      "Size",
      { database: "max(carillon_database_server_size_bytes)" },
      { says: "On its disk, indexes included.", unit: "bytes" },
    ),
    lines(
      "Sessions",
      { sessions: "max(carillon_database_server_sessions)" },
      { says: "Connections to the database, whosever they are: the server has max_connections." },
    ),
  ],
});
