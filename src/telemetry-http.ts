import { Counter } from "prom-client";
import type { Telemetry } from "./telemetry.ts";
import { createHistogram } from "./telemetry-histogram.ts";

/** What happened to answers on their way out → its metrics. Once a registry. */
export function createHttpTelemetry({ registry }: Pick<Telemetry, "registry">) {
  const bytes = new Counter({
    name: "carillon_http_compression_bytes_total",
    help: "Bytes of compressed answers, before (in) and after (out); 1 - out / in is what was saved",
    labelNames: ["coding", "direction"],
    registers: [registry],
  });
  const seconds = createHistogram({
    registry,
    name: "carillon_http_compression_seconds",
    help: "Time to compress one answer, of those that are sent as a whole",
    labelNames: ["coding"],
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1],
  });
  return {
    compressed(coding: string, bytesIn: number, bytesOut: number, ms: number | null): void {
      bytes.inc({ coding, direction: "in" }, bytesIn);
      bytes.inc({ coding, direction: "out" }, bytesOut);
      if (ms !== null) seconds.observe(ms / 1000, coding);
    },
  };
}
