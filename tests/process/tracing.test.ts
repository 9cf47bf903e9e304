/** One trace from a request to its webhook, through whatever carries events, as a collector gets it. */
import { expect, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { type CollectedSpan, startCollector } from "../otlp/collector.ts";
import { startService } from "../process.ts";
import { openStack, stacks } from "../stacks.ts";
import { tempFolder } from "../temp-folder.ts";
import { createClient } from "./client.ts";
import { startReceivers } from "./receivers.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const callersSpan = "00f067aa0ba902b7";
const tracestate = "congo=t61rcWkgMzE";

test.each(stacks.filter((name) => name !== "PostgreSQL"))(
  "on %s, a request, its acceptance, its event, its plan and each attempt are one trace",
  async (name) => {
    await using stack = await openStack(name);
    await using folder = tempFolder();
    await using receivers = await startReceivers();
    await using collector = startCollector();
    const { http } = receivers;
    const answers = [503, 200];
    http.answer = () => new Response(null, { status: answers.shift() ?? 200 });
    const env = {
      ...stack.env,
      ...receivers.env,
      RETRY_SCHEDULE: "100ms,100ms",
      WORKERS: "1",
      OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`,
      OTEL_EXPORTER_OTLP_HEADERS: "x-team=one,x-key=a%20b",
      OTEL_SERVICE_NAME: "bells",
    };
    await using service = startService({ cwd: folder.path, env });
    await service.ready;
    const client = createClient({ url: service.url, key: service.adminKey });
    const { data } = await client.call<{ id: string }>(
      "POST",
      "/v1/notifications",
      {
        to: { user_id: "ana", webhook_url: http.url },
        title: "Hello",
        body: "It works.",
        channels: ["webhook", "sms"],
        priority: "high",
      },
      { traceparent: `00-${traceId}-${callersSpan}-01`, tracestate },
    );
    await http.waitFor(2);
    await eventually(async () => (await client.notification(data.id)).status === "sent");
    service.kill("SIGTERM");
    expect(await service.exited).toBe(0);

    const ours = collector.spans.filter((span) => span.traceId === traceId);
    const named = (name: string) => ours.filter((span) => span.name === name);
    const lane = name === "embedded" ? "high" : `${stack.env.KAFKA_TOPIC_PREFIX}.high`;
    const [request] = named("POST /v1/notifications");
    const [accept] = named("accept");
    const [create] = named(`create ${lane}`);
    const [process] = named(`process ${lane}`);
    const attempts = named("attempt webhook").toSorted((a, b) => a.startMs - b.startMs);
    expect(ours).toHaveLength(6);
    expect(
      [request, accept, create, process, ...attempts].map((span) => [span?.kind, span?.parentSpanId]),
    ).toEqual([
      ["SPAN_KIND_SERVER", callersSpan],
      ["SPAN_KIND_INTERNAL", request?.spanId],
      ["SPAN_KIND_PRODUCER", accept?.spanId],
      ["SPAN_KIND_CONSUMER", create?.spanId],
      ["SPAN_KIND_CLIENT", create?.spanId],
      ["SPAN_KIND_CLIENT", create?.spanId],
    ]);
    expect(new Set(ours.map(({ traceState }) => traceState))).toEqual(new Set([tracestate]));
    expect(request?.attributes).toMatchObject({
      "http.request.method": "POST",
      "http.route": "/v1/notifications",
      "http.response.status_code": 202,
    });
    const message = {
      "messaging.system": name === "embedded" ? "memory" : "kafka",
      "messaging.destination.name": lane,
      "messaging.message.id": data.id,
    };
    expect(create?.attributes).toMatchObject({ ...message, "messaging.operation.type": "create" });
    expect(process?.attributes).toMatchObject({
      ...message,
      "messaging.operation.type": "process",
      "carillon.decision.webhook": "send",
      "carillon.decision.sms": "no_address",
    });
    expect(
      attempts.map(({ status, attributes }) => [status, attributes["http.response.status_code"]]),
    ).toEqual([
      ["STATUS_CODE_ERROR", 503],
      ["", 200],
    ]);
    // Each attempt told its receiver which span it was.
    expect(http.received.map(({ headers }) => headers.get("traceparent"))).toEqual(
      attempts.map(({ spanId }) => `00-${traceId}-${spanId}-01`),
    );
    expect(inOrder([request, accept, create], "startMs")).toBe(true);
    expect(inOrder([create, process, ...attempts], "startMs")).toBe(true);
    expect(ours.every(({ startMs, endMs }) => startMs <= endMs)).toBe(true);
    for (const { resource } of ours) expect(resource["service.name"]).toBe("bells");

    expect(new Set(collector.requests.map(({ path }) => path))).toEqual(new Set(["/v1/traces"]));
    const [sent] = collector.requests;
    expect(sent?.headers.get("content-type")).toBe("application/x-protobuf");
    expect([sent?.headers.get("x-team"), sent?.headers.get("x-key")]).toEqual(["one", "a b"]);
    expect(service.stderr()).toContain(`"trace_id":"${traceId}"`);
    // What is asked for without a trace of a caller's begins one.
    const others = collector.spans.filter((span) => span.traceId !== traceId);
    expect(others.length).toBeGreaterThan(0);
    expect(
      others
        .filter(({ kind }) => kind === "SPAN_KIND_SERVER")
        .every(({ parentSpanId }) => parentSpanId === ""),
    ).toBe(true);
  },
  90_000,
);

/** To the millisecond: several threads have each a clock of its own below that. */
const inOrder = (spans: (CollectedSpan | undefined)[], by: "startMs") =>
  spans.every((span, nth) => nth === 0 || (spans[nth - 1]?.[by] ?? 0) <= (span?.[by] ?? 0) + 1);
