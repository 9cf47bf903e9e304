/** What /metrics gives: documented, well named, and no more of it however many users there are. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { DatabaseFigures } from "../../db/figures.ts";
import { everything, metricsTable } from "../../src/cli-metrics.ts";
import { watchDatabaseServer } from "../../src/telemetry-database-server.ts";
import { ThreadMetrics } from "../../src/thread-metrics.ts";
import { carillon } from "../command-line.ts";
import { eventually, within } from "../eventually.ts";
import { aNotification, startHttp, webhooksToHere } from "../http/service.ts";
import { second } from "../pipeline/clock.ts";
import { createWorld } from "../pipeline/world.ts";
import { tempFolder } from "../temp-folder.ts";
import { promtool } from "./promtool.ts";

test("the table of metrics is the generated one", async () => {
  const page = await Bun.file(join(import.meta.dir, "../../docs/metrics.md")).text();
  expect(page).toContain(`<!-- metrics -->\n\n${metricsTable()}\n\n<!-- /metrics -->`);
});

test("metrics are written between their marks", async () => {
  await using folder = tempFolder();
  const file = join(folder.path, "page.md");
  await Bun.write(file, "before\n<!-- metrics --><!-- /metrics -->\nafter\n");
  expect(await carillon(["metrics", "--write", file])).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(await Bun.file(file).text()).toStartWith("before\n<!-- metrics -->\n\n| metric |");
});

/** As an exposition: promtool looks at no metric without a sample. */
function withSamples(registry: Registry): Promise<string> {
  const sampled = new Registry();
  const registers = [sampled];
  for (const metric of registry.getMetricsAsArray()) {
    const {
      name,
      help,
      type,
      labelNames = [],
    } = metric as unknown as {
      name: string;
      help: string;
      type: string;
      labelNames?: string[];
    };
    const labels = Object.fromEntries(labelNames.map((label) => [label, "x"]));
    if (type === "counter") new Counter({ name, help, labelNames, registers }).inc(labels);
    else if (type === "gauge") new Gauge({ name, help, labelNames, registers }).set(labels, 1);
    else new Histogram({ name, help, labelNames, registers }).observe(labels, 1);
  }
  return sampled.metrics();
}

test("promtool finds nothing about any metric there can be", async () => {
  const stdin = await withSamples(everything());
  expect(stdin).toContain("carillon_archive_errors_total{");
  expect(await promtool(["check", "metrics"], { stdin })).toEqual({ ok: true, words: "" });

  const badly = "# HELP bad_total A gauge.\n# TYPE bad_total gauge\nbad_total 1\n";
  expect(await promtool(["check", "metrics"], { stdin: badly })).toMatchObject({ ok: false });
});

const seriesOf = (text: string) => text.split("\n").filter((line) => /^\w/.test(line)).length;

test("many users, unknown routes, odd methods and made-up words add no series", async () => {
  await using receiver = Bun.serve({ port: 0, fetch: () => new Response("ok") });
  await using service = await startHttp(webhooksToHere);
  const metrics = async () => (await service.call("GET /metrics", { key: null })).text;

  async function everyKind(nth: number) {
    const url = `http://127.0.0.1:${receiver.port}/${nth}`;
    const body = aNotification({
      to: { user_id: `user-${nth}`, email: `${nth}@example.com`, webhook_url: url },
    });
    const headers = { "x-request-id": `request-${nth}`, "idempotency-key": `key-${nth}` };
    const { data } = await service.call("POST /v1/notifications", { body, headers });
    await eventually(async () => {
      const { data: now } = await service.call(`GET /v1/notifications/${data.id}`);
      return now.status === "sent";
    });
    await service.call(`GET /v1/notifications/${nth}`);
    await service.call(`GET /v1/users/user-${nth}/inbox?limit=1`);
    await service.call(`GET /v1/users/nobody-${nth}`);
    await service.call(`GET /somewhere/${nth}?q=${nth}`);
    await service.call("POST /v1/notifications", { body: aNotification({ priority: `odd-${nth}` }) });
    await service.call("POST /v1/notifications", { body: aNotification({ channels: [`odd-${nth}`] }) });
    await service.call("GET /v1/notifications", { key: `crl_live_${nth}` });
    // The client refuses what is no known method, so over a socket of its own.
    await rawRequest(service.url, `ODD${nth} /v1/notifications HTTP/1.1`);
  }

  await everyKind(0);
  await metrics(); // Its own request is counted by the next one.
  const before = await metrics();
  for (let nth = 1; nth <= 12; nth++) await everyKind(nth);
  const after = await metrics();

  const grown = after.split("\n").flatMap((line) => /^(\w+(\{.*\})?) /.exec(line)?.[1] ?? []);
  expect(grown.filter((series) => !before.includes(series))).toEqual([]);
  expect(seriesOf(after)).toBe(seriesOf(before));
  expect(after).toContain('route="other",status="404"');
});

async function rawRequest(url: string, line: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const { promise, resolve } = Promise.withResolvers<void>();
  await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open: (socket) => void socket.write(`${line}\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`),
      data() {},
      close: () => resolve(),
      error: () => resolve(),
    },
  });
  await promise;
}

test("requests in flight, queues and what became of deliveries are counted", async () => {
  const held = Promise.withResolvers<void>();
  await using receiver = Bun.serve({
    port: 0,
    async fetch() {
      await held.promise;
      return new Response("gone", { status: 410 });
    },
  });
  await using service = await startHttp({ ...webhooksToHere, WEBHOOK_CONNECTIONS: "1" });
  const metrics = async () => (await service.call("GET /metrics", { key: null })).text;
  const to = { user_id: "ana", webhook_url: `http://127.0.0.1:${receiver.port}` };
  for (let nth = 0; nth < 3; nth++) {
    await service.call("POST /v1/notifications", { body: aNotification({ to, channels: ["webhook"] }) });
  }
  await eventually(async () => {
    const text = await metrics();
    return (
      text.includes('carillon_channel_sending{channel="webhook"} 1\n') &&
      text.includes('carillon_channel_waiting{channel="webhook"} 2\n')
    );
  });
  expect(await metrics()).toContain('carillon_channel_sending_max{channel="webhook"} 1\n');
  expect(await metrics()).toContain("carillon_http_requests_in_flight 1\n");
  held.resolve();
  await eventually(async () =>
    (await metrics()).includes('carillon_deliveries_recorded_total{channel="webhook",status="failed"} 3\n'),
  );
  expect(await metrics()).toContain('carillon_channel_waiting{channel="webhook"} 0\n');
});

test("the oldest notification that is pending for too long shows its age until it is planned", async () => {
  await using world = await createWorld();
  const age = async () =>
    Number(/^carillon_pending_oldest_seconds (\S+)/m.exec(await world.app.telemetry.metrics([]))?.[1]);
  await world.app.log.close();
  const id = await world.client.send({ to: "ana", title: "Hello", body: "It works." });
  await world.sweep();
  expect(await age()).toBe(0); // It is young yet.
  world.clock.step(world.app.config.pendingGraceMs + 5 * second);
  await world.sweep();
  expect(await age()).toBe(world.app.config.pendingGraceMs / 1000 + 5);

  await world.restart();
  await eventually(async () => (await world.client.notification(id)).status === "sent");
  await world.sweep();
  expect(await age()).toBe(0);
});

test("a database's server that does not answer holds the metrics up for a moment, and has none", async () => {
  const registry = new Registry();
  let answer: () => Promise<DatabaseFigures> = async () => ({
    sizeBytes: 4096,
    deadlocks: 2,
    sessions: 3,
    committed: 5,
    rolledBack: 1,
    blocksHit: 9,
    blocksRead: 1,
  });
  let asked = 0;
  watchDatabaseServer(registry, () => {
    asked += 1;
    return answer();
  });
  const samples = async () => (await registry.metrics()).split("\n").filter((line) => /^\w/.test(line));
  expect(await samples()).toEqual([
    "carillon_database_server_size_bytes 4096",
    "carillon_database_server_sessions 3",
    "carillon_database_server_deadlocks_total 2",
    'carillon_database_server_transactions_total{end="committed"} 5',
    'carillon_database_server_transactions_total{end="rolled_back"} 1',
    'carillon_database_server_blocks_total{in="memory"} 9',
    'carillon_database_server_blocks_total{in="disk"} 1',
  ]);
  expect(asked).toBe(1);
  for (const silence of [() => new Promise<never>(() => {}), () => Promise.reject(new Error("gone"))]) {
    answer = silence;
    expect(await within(2000, samples(), () => "the metrics were held up")).toEqual([]);
  }
});

test("what threads counted is not forgotten with them, and what they had in hand is", async () => {
  const snapshotOf = async (counted: number, inHand: number) => {
    const registry = new Registry();
    const registers = [registry];
    new Counter({ name: "sent_total", help: "Sent", labelNames: ["channel"], registers }).inc(
      { channel: "email" },
      counted,
    );
    new Gauge({ name: "sending", help: "Sending", registers }).set(inHand);
    new Histogram({ name: "seconds", help: "Time", buckets: [1], registers }).observe(counted);
    return JSON.parse(JSON.stringify(await registry.getMetricsAsJSON()));
  };
  const threads = new ThreadMetrics();
  const sums = () => {
    const sum = { counted: 0, inHand: 0, times: 0 };
    for (const metrics of threads.all() as unknown as { name: string; values: { value: number }[] }[][]) {
      for (const { name, values } of metrics) {
        if (name === "sent_total") sum.counted += values[0]?.value ?? 0;
        if (name === "sending") sum.inHand += values[0]?.value ?? 0;
        if (name === "seconds") sum.times += values.at(-1)?.value ?? 0;
      }
    }
    return sum;
  };
  threads.said(0, await snapshotOf(5, 1));
  threads.said(1, await snapshotOf(7, 2));
  expect(sums()).toEqual({ counted: 12, inHand: 3, times: 2 });
  threads.ended(1);
  expect(sums()).toEqual({ counted: 12, inHand: 1, times: 2 });
  threads.said(1, await snapshotOf(1, 1));
  expect(sums()).toEqual({ counted: 13, inHand: 2, times: 3 });
  threads.ended(1);
  threads.ended(0);
  expect(sums()).toEqual({ counted: 13, inHand: 0, times: 3 });
});
