import { Counter, Gauge, type Registry } from "prom-client";
import { createHistogram } from "./telemetry-histogram.ts";
import { type Fields, type Level, wordsOfError } from "./telemetry-logging.ts";

/** What a pool's connections do. */
export interface PoolNumbers {
  inUse: number;
  idle: number;
  opening: number;
  waiting: number;
  max: number;
}

/** What happened in the database → its metrics and its log lines. */
export interface DatabaseTelemetry {
  /** A statement was answered, or refused, after `ms` milliseconds with the server. */
  queryFinished(name: string, ms: number): void;
  /** The server took a transaction back and it was begun anew. `kind` is "deadlock" or "serialization". */
  conflictRetried(kind: "deadlock" | "serialization"): void;
  connectionOpened(pool: PoolName): void;
  /** `uses` is what it had served by then. */
  connectionClosed(pool: PoolName, why: CloseReason, uses: number): void;
  /** One more connection could not be opened. */
  connectionRefused(pool: PoolName, error: Error): void;
  /** The server takes no writes, so all connections are made anew. */
  writesRefused(pool: PoolName): void;
  /** Registers a pool: its numbers are read when the metrics are asked for. */
  poolOpened(pool: PoolName, numbers: () => PoolNumbers): void;
  /** A read went to the primary since the replica does not answer. */
  replicaPassedOver(): void;
  replicaLost(error: unknown): void;
  replicaBack(): void;
  signalsLost(error: unknown): void;
  signalsBack(): void;
}

/** `read_only`: it led to a server that takes no writes. */
export type CloseReason = "idle" | "uses" | "lost" | "read_only";

export type PoolName = "primary" | "replica";

/** Of a query, in seconds; the guide wants the 95th percentile below 0.1. */
const secondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** How often it is told that the server takes no writes, in milliseconds. */
const writesToldMs = 10_000;

interface Options {
  registry: Registry;
  log: (level: Level, message: string, fields?: Fields) => void;
  /** Slower statements are logged and counted. */
  slowQueryMs: number;
}

export function createDatabaseTelemetry({ registry, log, slowQueryMs }: Options): DatabaseTelemetry {
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name: `carillon_database_${name}`, help, labelNames, registers });

  const seconds = createHistogram({
    registry,
    name: "carillon_database_query_seconds",
    help: "Time of a statement with the database, by the query's name; what has none is `unnamed`",
    labelNames: ["query"],
    buckets: secondsBuckets,
  });
  const slow = counter("slow_queries_total", "Statements slower than DATABASE_SLOW_QUERY_MS", ["query"]);
  const conflicts = counter(
    "conflicts_total",
    "Transactions that the server took back and that were begun anew, by kind",
    ["kind"],
  );
  for (const kind of ["deadlock", "serialization"]) conflicts.inc({ kind }, 0);
  const opened = counter("connections_opened_total", "Connections opened", ["pool"]);
  const closed = counter(
    "connections_closed_total",
    "Connections closed: unused for long (idle), replaced after DATABASE_CONNECTION_USES (uses), lost, or of a server that takes no writes (read_only)",
    ["pool", "why"],
  );
  const uses = counter("connection_uses_total", "Uses of connections that were closed since", ["pool"]);
  for (const why of ["idle", "uses", "lost", "read_only"] satisfies CloseReason[])
    closed.inc({ pool: "primary", why }, 0);
  const passedOver = counter("replica_fallbacks_total", "Reads that went to the primary instead");

  /** Why the last connection could not be opened; told once. */
  const refusals = new Map<PoolName, string>();
  /** When it is told again that no writes are taken. */
  const tellWritesMs = new Map<PoolName, number>();
  /** Queries that ran. */
  const known = new Set<string>();
  const pools = new Map<PoolName, () => PoolNumbers>();
  const gauge = (name: string, help: string, numbers: (of: PoolNumbers) => [string, number][]) =>
    new Gauge({
      name: `carillon_database_${name}`,
      help,
      labelNames: ["pool", "state"],
      registers,
      collect() {
        for (const [pool, read] of pools) {
          for (const [state, value] of numbers(read())) this.set(state ? { pool, state } : { pool }, value);
        }
      },
    });
  gauge("connections", "Connections by state", ({ inUse, idle, opening }) => [
    ["in_use", inUse],
    ["idle", idle],
    ["opening", opening],
  ]);
  gauge("connections_max", "Connections there may be (DATABASE_POOL_MAX)", ({ max }) => [["", max]]);
  gauge("waiting", "Statements and transactions that wait for a connection", ({ waiting }) => [
    ["", waiting],
  ]);

  return {
    queryFinished(name, ms) {
      seconds.observe(ms / 1000, name);
      if (!known.has(name)) {
        known.add(name);
        // A counter that appears with the first slow one would hide that one from rate().
        slow.inc({ query: name }, 0);
      }
      if (ms < slowQueryMs) return;
      slow.inc({ query: name });
      log("warn", "slow query", { query: name, ms: Math.round(ms) });
    },
    conflictRetried: (kind) => conflicts.inc({ kind }),
    connectionOpened(pool) {
      opened.inc({ pool });
      refusals.delete(pool);
    },
    connectionRefused(pool, error) {
      if (refusals.get(pool) === error.message) return;
      refusals.set(pool, error.message);
      log("warn", "no further connection to the database can be made", { pool, error: wordsOfError(error) });
    },
    writesRefused(pool) {
      const nowMs = performance.now();
      if (nowMs < (tellWritesMs.get(pool) ?? 0)) return;
      tellWritesMs.set(pool, nowMs + writesToldMs);
      log("warn", "the database takes no writes; connections are made anew, as after a failover", { pool });
    },
    connectionClosed(pool, why, used) {
      closed.inc({ pool, why });
      uses.inc({ pool }, used);
      if (why === "lost") log("warn", "a connection to the database was lost", { pool });
    },
    poolOpened: (pool, numbers) => pools.set(pool, numbers),
    replicaPassedOver: () => passedOver.inc(),
    replicaLost: (error) =>
      log("warn", "the read replica does not answer; reads go to DATABASE_URL", {
        error: wordsOfError(error),
      }),
    replicaBack: () => log("info", "the read replica answers again"),
    signalsLost: (error) =>
      log("warn", "signals of other processes cannot be heard for now", { error: wordsOfError(error) }),
    signalsBack: () => log("info", "signals of other processes are heard again"),
  };
}
