/** A real Prometheus, on the shipped configuration, at a service under load on every server that it can use. */
import { expect, test } from "bun:test";
import { dashboards } from "../../deploy/monitoring/dashboards/dashboards.ts";
import { metricsTable } from "../../src/cli-metrics.ts";
import { eventually } from "../eventually.ts";
import { webhooksToHere } from "../http/service.ts";
import { createClient } from "../process/client.ts";
import { startService } from "../process.ts";
import { startRedis } from "../services/own-server.ts";
import { openStack } from "../stacks.ts";
import { tempFolder } from "../temp-folder.ts";
import { type Prometheus, startPrometheus } from "./prometheus.ts";

const testTimeoutMs = 120_000;
const dataTimeoutMs = 40_000;
const alertTimeoutMs = 30_000;
const priorities = ["critical", "high", "normal", "low"];

/** Every expression of the dashboards, where it stands. */
const shown = dashboards.flatMap(({ model }) =>
  (model.panels ?? []).flatMap((panel) =>
    ("targets" in panel ? (panel.targets ?? []) : []).map((target) => ({
      where: `${model.title}, ${panel.title}`,
      // Grafana's own variable: four scrapes, at least.
      expression: (target as { expr?: string }).expr?.replaceAll("$__rate_interval", "10s") ?? "",
    })),
  ),
);

/** Every expression of the rules; an alert's says 0 or 1 instead of nothing while it does not hold. */
async function ruled(prometheus: Prometheus) {
  return (await prometheus.rules()).map(({ type, name, query }) => ({
    where: name,
    expression: type === "recording" ? query : query.replaceAll(/ ([<>]) (?=[\d.]+( |$))/g, " $1 bool "),
  }));
}

test(
  "every expression on the dashboards and in the rules has data, and an alert comes and goes with its cause",
  async () => {
    await using stack = await openStack("PostgreSQL, Redis and Kafka");
    await using redis = await startRedis();
    await using folder = tempFolder();
    await using sink = Bun.serve({
      port: 0,
      fetch: ({ url }) => new Response("", { status: statusOf(url) }),
    });
    const own = { REDIS_URL: redis.url, REDIS_TIMEOUT_MS: "250", RETRY_SCHEDULE: "100ms" };
    await using service = startService({
      env: { ...stack.env, ...webhooksToHere, ...own },
      cwd: folder.path,
    });
    await service.ready;
    await using prometheus = await startPrometheus({
      target: new URL(service.url).host,
      rules: (text) => text.replace(/(alert: RedisUnreachable\n.*\n\s*for:) \w+/, "$1 0s"),
    });
    await using _ = load(service, sink.url.href);

    const expressions = [...shown, ...(await ruled(prometheus))];
    expect(expressions.length).toBeGreaterThan(150);
    await eventually(() => requireData(prometheus, expressions), {
      timeoutMs: dataTimeoutMs,
      intervalMs: 500,
    });
    expect((await prometheus.rules()).filter(({ health }) => health !== "ok")).toEqual([]);
    expect(await undocumented(service.url)).toEqual([]);
    // Of what several threads know of one server, not the sum.
    expect(await prometheus.query("carillon_kafka_reachable")).toMatchObject([{ value: 1 }]);

    const fires = async () => (await prometheus.firing()).includes("RedisUnreachable");
    expect(await fires()).toBe(false);
    redis.pause();
    await eventually(fires, { timeoutMs: alertTimeoutMs, intervalMs: 100 });
    redis.resume();
    await eventually(async () => !(await fires()), { timeoutMs: alertTimeoutMs, intervalMs: 100 });
  },
  testTimeoutMs,
);

const statusOf = (url: string) => (url.endsWith("/gone") ? 410 : 200);

/** Sends one after another on every lane, to channels that take it and to one that does not, until disposed of. */
function load(service: { url: string; adminKey: string }, sinkUrl: string): AsyncDisposable {
  const client = createClient({ url: service.url, key: service.adminKey });
  let ended = false;
  const sending = (async () => {
    for (let nth = 0; !ended; nth += 1) {
      const webhook_url = `${sinkUrl}${nth % 10 === 0 ? "gone" : "taken"}`;
      const to = { user_id: `user-${nth % 100}`, email: `${nth}@example.com`, webhook_url };
      const priority = priorities[nth % priorities.length];
      const id = await client.send({ to, title: "Hello", body: "It works.", priority });
      await client.notification(id);
      await client.call("GET", "/v1/notifications?limit=20");
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      ended = true;
      await sending;
    },
  };
}

/** True where each expression gives a number. @throws Error that names those that do not */
async function requireData(prometheus: Prometheus, expressions: { where: string; expression: string }[]) {
  const found = await Promise.all(
    expressions.map(async ({ where, expression }) => {
      const samples = await prometheus.query(expression);
      return samples.some(({ value }) => !Number.isNaN(value)) ? [] : [`${where}: ${expression}`];
    }),
  );
  const lacking = found.flat();
  if (lacking.length > 0) throw new Error(`without data:\n${lacking.join("\n")}`);
  return true;
}

/** Metrics that are given and stand in no table. */
async function undocumented(url: string): Promise<string[]> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = ""]) => name);
  const table = metricsTable();
  return names.filter((name) => !table.includes(`| \`${name}\` |`));
}
