import { type Aggregator, Counter, Gauge, type Registry } from "prom-client";
import { createHistogram } from "./telemetry-histogram.ts";
import type { Fields, Level } from "./telemetry-logging.ts";
import { within } from "./within.ts";

/** How a command's time spreads, in seconds; the guide wants it under 5 ms. */
const secondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

/** Reading the metrics waits this long for Redis's own figures, then goes without. */
const infoTimeoutMs = 500;

/** What is asked of the cache when the metrics are read. */
export interface CacheFigures {
  circuitOpen(): boolean;
  replicaUsed(): boolean;
  pool(): { size: number; used: number; waiting: number };
  /** Deletions that Redis has not heard of. */
  pendingInvalidations(): number;
  /** Redis's INFO, of all servers of a cluster; rejects where it cannot be had. */
  info(): Promise<string>;
}

export type CacheTelemetry = ReturnType<typeof createCacheTelemetry>;

interface CacheTelemetryOptions {
  registry: Registry;
  log: (at: Level, message: string, fields?: Fields) => void;
  /** What keys begin with, up to the first `:`; any other is counted as "other". */
  names: string[];
}

/**
 * Counts what the caches do. A hit takes microseconds, so nothing is looked up for one: numbers are counted
 * here and handed over when the metrics are read.
 */
export function createCacheTelemetry({ registry, log, names }: CacheTelemetryOptions) {
  const registers = [registry];
  const hits = new Map([...names, "other"].map((name) => [name, { hit: 0, miss: 0 }]));
  const other = { hit: 0, miss: 0 };
  hits.set("other", other);
  const commands = new Map<string, { ok: number; error: number }>();
  const seconds = createHistogram({
    registry,
    name: "carillon_redis_command_seconds",
    help: "Time of a command to Redis",
    labelNames: [],
    buckets: secondsBuckets,
  });

  new Counter({
    name: "carillon_cache_requests_total",
    help: "Keys that were looked up, by cache and by whether they were found",
    labelNames: ["cache", "result"],
    registers,
    collect() {
      this.reset();
      for (const [cache, { hit, miss }] of hits) {
        this.inc({ cache, result: "hit" }, hit);
        this.inc({ cache, result: "miss" }, miss);
      }
    },
  });
  new Counter({
    name: "carillon_redis_commands_total",
    help: "Commands to Redis, by result",
    labelNames: ["command", "result"],
    registers,
    collect() {
      this.reset();
      for (const [command, { ok, error }] of commands) {
        this.inc({ command, result: "ok" }, ok);
        this.inc({ command, result: "error" }, error);
      }
    },
  });

  let isCountingRefused = false;

  return {
    requested(key: string, hit: boolean): void {
      const count = hits.get(key.slice(0, Math.max(0, key.indexOf(":")))) ?? other;
      if (hit) count.hit += 1;
      else count.miss += 1;
    },

    /** A command ended; `command` is one of our own names, never a key. */
    commandEnded(command: string, ms: number, ok: boolean): void {
      const count = commands.get(command);
      if (count === undefined) commands.set(command, { ok: Number(ok), error: Number(!ok) });
      else if (ok) count.ok += 1;
      else count.error += 1;
      seconds.observe(ms / 1000);
    },

    circuitOpened(reason: string): void {
      log("warn", "Redis does not answer; going on without it", { reason });
    },

    circuitClosed(outageMs: number, delivered: number): void {
      log("info", "Redis answers", { outage_ms: Math.round(outageMs), invalidations_delivered: delivered });
    },

    /** It answers, and refuses to count: it is full, or the key holds something else. */
    countingRefused({ message }: Error): void {
      if (isCountingRefused) return;
      isCountingRefused = true;
      log("warn", "Redis refuses to count requests: limits are not kept, or refuse all", { reason: message });
    },

    countingAgain(): void {
      if (!isCountingRefused) return;
      isCountingRefused = false;
      log("info", "Redis counts requests again");
    },

    replicaLeft(reason: string): void {
      log("warn", "the Redis replica cannot be used; reading from the primary", { reason });
    },

    replicaUsed(): void {
      log("info", "reading from the Redis replica");
    },

    /** From now on the metrics show how full the memory of this process is. */
    watchMemory({ size, evicted }: { size(): number; evicted(): number }): void {
      gauge("carillon_cache_entries", "Values that the cache in this process's memory holds", size);
      new Counter({
        name: "carillon_cache_evictions_total",
        help: "Values that left the cache in this process's memory for others",
        registers,
        collect() {
          this.reset();
          this.inc(evicted());
        },
      });
    },

    /** From now on the metrics show these figures. */
    watch(figures: CacheFigures): void {
      gauge(
        "carillon_redis_circuit_open",
        "Whether a thread leaves Redis alone (1) or all use it (0)",
        () => Number(figures.circuitOpen()),
        "max",
      );
      gauge(
        "carillon_redis_replica_used",
        "Whether the reads of all threads go to the replica (1) or not (0)",
        () => Number(figures.replicaUsed()),
        "min",
      );
      gauge("carillon_redis_pending_invalidations", "Deletions that Redis has not heard of yet", () =>
        figures.pendingInvalidations(),
      );
      gauge("carillon_redis_pool_size", "Isolated connections that are open", () => figures.pool().size);
      gauge("carillon_redis_pool_used", "Isolated connections in use", () => figures.pool().used);
      gauge(
        "carillon_redis_pool_waiting",
        "Who waits for an isolated connection",
        () => figures.pool().waiting,
      );
      ofServer(figures, {
        name: "carillon_redis_memory_bytes",
        help: "Memory that Redis uses",
        field: "used_memory",
      });
      ofServer(figures, {
        name: "carillon_redis_evicted_keys",
        help: "Keys that Redis evicted since it started",
        field: "evicted_keys",
      });
    },
  };

  /** @param aggregator what several threads' values come to */
  function gauge(name: string, help: string, value: () => number, aggregator: Aggregator = "sum"): void {
    new Gauge({
      name,
      help,
      aggregator,
      registers,
      collect() {
        this.set(value());
      },
    });
  }

  /** One of the server's own figures, the sum of a cluster's; absent while it cannot be had. */
  function ofServer(
    figures: CacheFigures,
    { name, help, field }: Record<"name" | "help" | "field", string>,
  ): void {
    new Gauge({
      name,
      help,
      aggregator: "max", // Every thread asks the same server.
      registers,
      async collect() {
        this.remove();
        const text = await soon(figures.info());
        const found = [...(text ?? "").matchAll(new RegExp(`^${field}:(\\d+)`, "gm"))];
        if (found.length > 0) this.set(found.reduce((sum, [, number]) => sum + Number(number), 0));
      },
    });
  }
}

const soon = (info: Promise<string>): Promise<string | null> =>
  within(
    infoTimeoutMs,
    info.catch(() => null),
    () => null,
  );
