import { Counter, Gauge, Histogram } from "prom-client";
import type { Telemetry } from "./telemetry.ts";
import { wordsOfError } from "./telemetry-logging.ts";

export type ArchiveOperation = "connect" | "store" | "get" | "erase" | "drop";
/** What a pool's connections went through. */
export type PoolEvent = "opened" | "closed" | "taken" | "returned";

export type ArchiveTelemetry = ReturnType<typeof createArchiveTelemetry>;

/** What happened in and around the archive → its log lines and its metrics. Once a registry. */
export function createArchiveTelemetry({ registry, log }: Pick<Telemetry, "registry" | "log">) {
  const registers = [registry];
  const moved = new Counter({
    name: "carillon_archived_total",
    help: "Notifications that left the hot tables for the archive",
    registers,
  });
  const dropped = new Counter({
    name: "carillon_archive_dropped_total",
    help: "Notifications that left the archive, older than RETENTION_DAYS",
    registers,
  });
  const batchSeconds = new Histogram({
    name: "carillon_archive_batch_seconds",
    help: "Time to move one batch: read it, store it, delete it",
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const errors = new Counter({
    name: "carillon_archive_errors_total",
    help: "Requests to the archive that failed, by operation",
    labelNames: ["operation"],
    registers,
  });
  const connections = new Gauge({
    name: "carillon_archive_connections",
    help: "Connections of the archive's pool, by what they are doing",
    labelNames: ["state"],
    registers,
  });
  const pool = { open: 0, inUse: 0 };
  const change: Record<PoolEvent, () => void> = {
    opened: () => (pool.open += 1),
    closed: () => (pool.open -= 1),
    taken: () => (pool.inUse += 1),
    returned: () => (pool.inUse -= 1),
  };

  return {
    batchMoved(count: number, ms: number): void {
      moved.inc(count);
      batchSeconds.observe(ms / 1000);
    },

    expired(count: number): void {
      if (count > 0) dropped.inc(count);
    },

    poolChanged(event: PoolEvent): void {
      change[event]();
      connections.set({ state: "in_use" }, pool.inUse);
      connections.set({ state: "available" }, pool.open - pool.inUse);
    },

    /** The archive did not do what it was asked for. The one who asked says what became of it. */
    refused(operation: ArchiveOperation, error: unknown): void {
      errors.inc({ operation });
      log("warn", "the archive failed", { operation, error: wordsOfError(error) });
    },

    periodsDropped(tables: string[]): void {
      if (tables.length === 0) return;
      log("info", "dropped what the archive has all of", { tables: tables.join(", ") });
    },
  };
}
