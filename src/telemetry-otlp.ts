import type { Tracer } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type SpanExporter,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import packageJson from "../package.json" with { type: "json" };
import type { SpanTelemetry } from "./telemetry-spans.ts";

export interface TracingOptions {
  otlpEndpoint: string;
  otlpHeaders: Record<string, string> | null;
  otelServiceName: string;
  otelSamplerShare: number;
}

/** Spans that wait for the collector at most, a thread: some 8 MB. What is beyond them is dropped. */
const queueMax = 8192;
/** How long spans are gathered, in milliseconds. */
const gatherMs = 1000;
/** How long the collector may take for a batch, in milliseconds, with what is tried again of it. */
const exportTimeoutMs = 10_000;

/** Makes spans and sends them by OTLP, beside the work: a collector that is gone or hangs holds up nothing. */
export function openOtlp(
  { otlpEndpoint, otlpHeaders, otelServiceName, otelSamplerShare }: TracingOptions,
  telemetry: SpanTelemetry,
): { tracer: Tracer; close(timeMs: number): Promise<void> } {
  const exporter = new OTLPTraceExporter({
    // As the specification of the exporter has it: the signal's path follows the endpoint's own.
    url: `${otlpEndpoint.replace(/\/$/, "")}/v1/traces`,
    headers: otlpHeaders ?? {},
    timeoutMillis: exportTimeoutMs,
  });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      "service.name": otelServiceName,
      "service.version": packageJson.version,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(otelSamplerShare) }),
    spanProcessors: [counted(exporter, telemetry)],
  });
  return {
    tracer: provider.getTracer("carillon", packageJson.version),
    async close(timeMs) {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, timeMs);
      // What the collector did not take by then is counted, and nobody waits for it.
      await Promise.race([provider.shutdown().catch(() => {}), late]);
      clearTimeout(timer);
    },
  };
}

/** The SDK's own queue, with a count of what it has no room for and of what became of the rest. */
function counted(exporter: SpanExporter, telemetry: SpanTelemetry): SpanProcessor {
  let waiting = 0;
  const processor = new BatchSpanProcessor({
    maxQueueSize: queueMax,
    scheduledDelayMillis: gatherMs,
    exportTimeoutMillis: 2 * exportTimeoutMs, // The exporter has its own; this one loses track of a batch.
    exporter: {
      export(spans, done) {
        waiting -= spans.length;
        exporter.export(spans, (result) => {
          if (result.error === undefined) telemetry.exported(spans.length);
          else telemetry.refused(spans.length, result.error);
          done(result);
        });
      },
      forceFlush: async () => exporter.forceFlush?.(),
      shutdown: () => exporter.shutdown(),
    },
  });
  return {
    onStart() {},
    onEnd(span) {
      if (waiting >= queueMax) return telemetry.queueFull();
      waiting += 1;
      processor.onEnd(span);
    },
    forceFlush: () => processor.forceFlush(),
    shutdown: () => processor.shutdown(),
  };
}
