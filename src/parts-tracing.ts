import type { Config } from "./config.ts";
import type { Telemetry } from "./telemetry.ts";
import { createSpanTelemetry } from "./telemetry-spans.ts";
import type { Tracing } from "./telemetry-tracing.ts";

/** How long a stop waits for the collector, in milliseconds. */
export const tracesFlushMs = 1000;

/** Loaded only where it is on: what it is made of takes 30 ms to load. */
export async function openTracing(config: Config, telemetry: Telemetry): Promise<Tracing | null> {
  const { otlpEndpoint, kafkaBrokers, kafkaTopicPrefix } = config;
  if (otlpEndpoint === null) return null;
  const { openOtlp } = await import("./telemetry-otlp.ts");
  const { createTracing } = await import("./telemetry-tracing.ts");
  const system = kafkaBrokers === null ? "memory" : "kafka";
  return createTracing({
    ...openOtlp({ ...config, otlpEndpoint }, createSpanTelemetry(telemetry)),
    messaging: {
      system,
      destinationOf: (lane) => (kafkaBrokers === null ? lane : `${kafkaTopicPrefix}.${lane}`),
    },
  });
}
