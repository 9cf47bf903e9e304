/** Which traces are kept, and what happens while nobody takes them. */
import { describe, expect, test } from "bun:test";
import { eventually, within } from "../eventually.ts";
import { type Collector, startCollector } from "../otlp/collector.ts";
import { createWorld, type World } from "./world.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const callersSpan = "00f067aa0ba902b7";

const tracedWorld = ({ url }: Pick<Collector, "url">, env: Record<string, string> = {}) =>
  createWorld({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: url, ...env } });

async function send(world: World, traceparent?: string): Promise<string> {
  const body = {
    to: { user_id: "ana", webhook_url: world.receivers.http.url },
    title: "Hello",
    body: "It works.",
    channels: ["webhook"],
  };
  const headers: Record<string, string> = traceparent === undefined ? {} : { traceparent };
  const { status, data } = await world.client.call<{ id: string }>(
    "POST",
    "/v1/notifications",
    body,
    headers,
  );
  expect(status).toBe(202);
  await world.delivery(data.id, "webhook", "sent");
  return data.id;
}

const passedOn = ({ receivers }: World) =>
  receivers.http.received.map(({ headers }) => headers.get("traceparent"));

const counted = async ({ app }: World, metric: string) =>
  Number(
    (await app.telemetry.metrics([]))
      .split("\n")
      .find((line) => line.startsWith(`${metric} `))
      ?.split(" ")[1],
  );

describe("a trace", () => {
  test("of a caller who does not keep it is not kept here, and goes on all the same", async () => {
    await using collector = startCollector();
    {
      await using world = await tracedWorld(collector);
      await send(world, `00-${traceId}-${callersSpan}-00`);
      const [traceparent] = passedOn(world);
      expect(traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
      expect(traceparent).not.toContain(callersSpan);
    }
    expect(collector.spans.filter((span) => span.traceId === traceId)).toEqual([]);
  });

  test("that begins here is kept by the share that is set; a caller's is kept if the caller keeps it", async () => {
    await using collector = startCollector();
    {
      await using world = await tracedWorld(collector, { OTEL_TRACES_SAMPLER_ARG: "0" });
      await send(world);
      expect(passedOn(world)[0]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
      await send(world, `00-${traceId}-${callersSpan}-01`);
    }
    expect(new Set(collector.spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
    expect(collector.spans.map(({ name }) => name)).toContain("attempt webhook");
  });

  test("has a span for each notification of a bulk that was stored, and none for what was not", async () => {
    await using collector = startCollector();
    {
      await using world = await tracedWorld(collector);
      const notifications = [
        { to: "ana", title: "Hello", body: "Hi." },
        { to: "ben", title: "Hello", body: "Hi." },
        { to: "ben", title: "Hello", body: "Hi.", channels: ["inbox"] },
        {},
      ];
      const traceparent = `00-${traceId}-${callersSpan}-01`;
      await world.client.call("POST", "/v1/notifications/bulk", { notifications }, { traceparent });
      const twice = { traceparent, "idempotency-key": "once" };
      const body = { to: "eve", title: "Hello", body: "Hi." };
      await world.client.call("POST", "/v1/notifications", body, twice);
      await world.client.call("POST", "/v1/notifications", body, twice);
      await eventually(
        async () => (await counted(world, 'carillon_notifications_closed_total{status="sent"}')) === 4,
      );
    }
    const names = collector.spans.filter((span) => span.traceId === traceId).map(({ name }) => name);
    expect(names.filter((name) => name === "create normal")).toHaveLength(4);
    expect(names.filter((name) => name === "process normal")).toHaveLength(4);
  });
});

describe("while the collector", () => {
  test.each<[string, () => Response | Promise<Response>]>([
    ["hangs", () => new Promise<Response>(() => {})],
    ["answers 503", () => new Response(null, { status: 503 })],
    ["answers 400", () => new Response(null, { status: 400 })],
  ])("%s, everything is sent, and a stop waits a moment for it", async (_, answer) => {
    await using collector = startCollector();
    collector.answer = answer;
    const world = await tracedWorld(collector);
    for (let nth = 0; nth < 5; nth++) await send(world);
    await eventually(() => collector.requests.length > 0);
    await within(
      5000,
      Promise.resolve(world[Symbol.asyncDispose]()),
      () => "the stop waits for the collector",
    );
    expect(collector.spans).toEqual([]);
  });

  test("is gone, everything is sent, and what was lost is counted", async () => {
    const gone = startCollector();
    await gone[Symbol.asyncDispose]();
    await using world = await tracedWorld(gone);
    await send(world);
    await eventually(async () => (await counted(world, 'carillon_spans_dropped_total{why="refused"}')) > 0, {
      timeoutMs: 20_000,
    });
  });

  test("hangs, no more than a bounded number of spans waits for it", async () => {
    await using collector = startCollector();
    collector.answer = () => new Promise<Response>(() => {});
    await using world = await tracedWorld(collector);
    const notifications = Array.from({ length: 1000 }, (_, nth) => ({
      to: `user-${nth}`,
      title: "Hello",
      body: "Hi.",
    }));
    await eventually(async () => {
      expect((await world.client.call("POST", "/v1/notifications/bulk", { notifications })).status).toBe(202);
      return (await counted(world, 'carillon_spans_dropped_total{why="queue_full"}')) > 0;
    });
    await send(world);
  });
});
