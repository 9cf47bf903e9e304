/**
 * What takes traces as an OpenTelemetry collector does: OTLP over HTTP, read by the protocol's own definitions. Those are
 * collector/trace/v1/trace_service.proto of https://github.com/open-telemetry/opentelemetry-proto (ac2c4b5) with all that it
 * imports, as protobufjs writes them in JSON.
 */
import protobuf from "protobufjs";
import traceService from "./trace-service.json" with { type: "json" };

export interface CollectedSpan {
  name: string;
  kind: string;
  traceId: string;
  spanId: string;
  /** Empty at the root. */
  parentSpanId: string;
  traceState: string;
  attributes: Record<string, unknown>;
  resource: Record<string, unknown>;
  /** "STATUS_CODE_ERROR" where it failed. */
  status: string;
  startMs: number;
  endMs: number;
}

export interface Collector extends AsyncDisposable {
  url: string;
  spans: CollectedSpan[];
  /** Those that carried spans. */
  requests: { path: string; headers: Headers }[];
  /** What is answered from now on; 200 until set. */
  answer: () => Response | Promise<Response>;
}

interface Attribute {
  key: string;
  value: Record<string, unknown>;
}

interface ExportRequest {
  resourceSpans: {
    resource: { attributes: Attribute[] };
    scopeSpans: { spans: WireSpan[] }[];
  }[];
}

interface WireSpan {
  name: string;
  kind: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  traceState?: string;
  attributes?: Attribute[];
  status?: { code?: string };
  startTimeUnixNano: string;
  endTimeUnixNano: string;
}

const definitions = protobuf.Root.fromJSON(traceService);
const exportRequest = definitions.lookupType(
  "opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest",
);
const exportResponse = definitions.lookupType(
  "opentelemetry.proto.collector.trace.v1.ExportTraceServiceResponse",
);

export function startCollector(): Collector {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const bytes = await request.bytes();
      collector.requests.push({ path: new URL(request.url).pathname, headers: request.headers });
      const answer = await collector.answer();
      if (answer.ok) collector.spans.push(...spansOf(bytes));
      return answer;
    },
  });
  const collector: Collector = {
    url: `http://127.0.0.1:${server.port}`,
    spans: [],
    requests: [],
    answer: () =>
      new Response(exportResponse.encode({}).finish(), {
        headers: { "content-type": "application/x-protobuf" },
      }),
    [Symbol.asyncDispose]: () => server.stop(true),
  };
  return collector;
}

function spansOf(bytes: Uint8Array): CollectedSpan[] {
  const { resourceSpans } = exportRequest.toObject(exportRequest.decode(bytes), {
    enums: String,
    longs: String,
    bytes: String,
    arrays: true,
  }) as ExportRequest;
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ attributes = [], status, traceState = "", parentSpanId = "", ...span }) => ({
        name: span.name,
        kind: span.kind,
        traceId: hexOf(span.traceId),
        spanId: hexOf(span.spanId),
        parentSpanId: hexOf(parentSpanId),
        traceState,
        attributes: valuesOf(attributes),
        resource: valuesOf(resource.attributes),
        status: status?.code ?? "",
        startMs: Number(span.startTimeUnixNano) / 1e6,
        endMs: Number(span.endTimeUnixNano) / 1e6,
      })),
    ),
  );
}

const hexOf = (base64: string) => Buffer.from(base64, "base64").toString("hex");

const valuesOf = (attributes: Attribute[]) =>
  Object.fromEntries(
    attributes.map(({ key, value: { intValue, ...others } }) => [
      key,
      intValue === undefined ? Object.values(others)[0] : Number(intValue),
    ]),
  );
