import { Counter } from "prom-client";
import type { Telemetry } from "./telemetry.ts";
import { wordsOfError } from "./telemetry-logging.ts";

export type SpanTelemetry = ReturnType<typeof createSpanTelemetry>;

/** What became of spans on their way to the collector → its metrics and its log lines. Once a registry. */
export function createSpanTelemetry({ registry, log }: Pick<Telemetry, "registry" | "log">) {
  const registers = [registry];
  const exported = new Counter({
    name: "carillon_spans_exported_total",
    help: "Spans that the OpenTelemetry collector took",
    registers,
  });
  const dropped = new Counter({
    name: "carillon_spans_dropped_total",
    help: "Spans that were dropped: too many waited for the collector (queue_full), or it did not take them (refused)",
    labelNames: ["why"],
    registers,
  });
  for (const why of ["queue_full", "refused"]) dropped.inc({ why }, 0);
  let isTaking = true;

  return {
    exported(count: number): void {
      exported.inc(count);
      if (!isTaking) log("info", "the collector takes traces again");
      isTaking = true;
    },

    queueFull: () => dropped.inc({ why: "queue_full" }),

    /** Told once, until the collector takes some again. */
    refused(count: number, error: unknown): void {
      dropped.inc({ why: "refused" }, count);
      if (isTaking)
        log("warn", "the collector does not take traces; going on without them", {
          error: wordsOfError(error),
        });
      isTaking = false;
    },
  };
}
