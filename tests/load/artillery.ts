/** The real Artillery on k6/artillery.yml. What it counts together is ten seconds long. */
import { join } from "node:path";
import { onceGone } from "../process.ts";
import { artilleryPath } from "../services/artillery.ts";
import { tempFolder } from "../temp-folder.ts";
import { lastOf, linesOf } from "./lines.ts";
import type { Scenario } from "./measure.ts";
import type { Load, Traffic } from "./traffic.ts";

const script = join(import.meta.dir, "../../k6/artillery.yml");
const windowSeconds = 10;
const logLinesMax = 20;

export const artilleryScenario: Scenario = {
  name: "artillery",
  users: "5 to 100 users who arrive each second, in 11 minutes",
  shortSeconds: 10,
  generate,
};

async function generate({ url, apiKey, lastsSeconds, onInterval, signal }: Load): Promise<Traffic> {
  const program = process.env.TEST_ARTILLERY || (await artilleryPath());
  await using folder = tempFolder();
  const output = join(folder.path, "report.json");
  const overrides = lastsSeconds === null ? [] : ["--overrides", await squeezed(lastsSeconds)];
  const child = Bun.spawn(
    [process.execPath, "--bun", program, "run", "--output", output, ...overrides, script],
    {
      env: {
        PATH: process.env.PATH ?? "",
        HOME: process.env.HOME ?? "",
        BASE_URL: url,
        API_KEY: apiKey,
        ARTILLERY_DISABLE_TELEMETRY: "true",
        NO_COLOR: "1",
      },
      stdio: ["ignore", "pipe", "pipe"],
      signal,
    },
  );
  const killing = onceGone("kill", "-KILL", String(child.pid));
  const log = lastOf(child.stderr, logLinesMax);
  const broken: string[] = [];
  const said: string[] = [];
  for await (const line of linesOf(child.stdout)) {
    const [, check] = /^fail: (.*)/.exec(line) ?? [];
    if (check !== undefined) broken.push(check);
    said.push(line);
    if (said.length > logLinesMax) said.shift();
  }
  const code = await child.exited;
  killing.cancel();
  signal.throwIfAborted();
  const report = Bun.file(output);
  if (!(await report.exists())) {
    throw new Error(`Artillery could not run (it ended with ${code}):\n${said.join("\n")}\n${await log}`);
  }
  const { aggregate, intermediate } = (await report.json()) as Report;
  for (const window of intermediate) onInterval(intervalOf(window));
  return { ...trafficOf(aggregate), broken };
}

interface Phase {
  duration: number;
}

/** Its phases, each shortened in proportion, but to a second at least. */
async function squeezed(seconds: number): Promise<string> {
  const { config } = Bun.YAML.parse(await Bun.file(script).text()) as { config: { phases: Phase[] } };
  const total = config.phases.reduce((sum, { duration }) => sum + duration, 0);
  const phases = config.phases.map((phase) => ({
    ...phase,
    duration: Math.max(1, Math.round((phase.duration / total) * seconds)),
  }));
  return JSON.stringify({ config: { phases } });
}

interface Window {
  period: number | string;
  counters: Record<string, number>;
  summaries: Record<string, { p50: number; p95: number; p99: number; max: number } | undefined>;
  firstMetricAt: number;
  lastMetricAt: number;
}

interface Report {
  aggregate: Window;
  intermediate: Window[];
}

const times = ({ summaries }: Window) =>
  summaries["http.response_time"] ?? { p50: Number.NaN, p95: Number.NaN, p99: Number.NaN, max: Number.NaN };

/** Expectations that do not hold and connections that break are both errors of it, once a request. */
const errorsOf = ({ counters }: Window) =>
  Object.entries(counters).reduce((sum, [name, count]) => sum + (name.startsWith("errors.") ? count : 0), 0);

function intervalOf(window: Window) {
  const { p50, p95, p99 } = times(window);
  return {
    atSeconds: Number(window.period) / 1000,
    lengthSeconds: windowSeconds,
    requests: window.counters["http.requests"] ?? 0,
    errors: errorsOf(window),
    p50Ms: p50,
    p95Ms: p95,
    p99Ms: p99,
  };
}

function trafficOf(aggregate: Window): Omit<Traffic, "broken"> {
  const { p50, p95, p99, max } = times(aggregate);
  const requests = aggregate.counters["http.requests"] ?? 0;
  const seconds = (aggregate.lastMetricAt - aggregate.firstMetricAt) / 1000;
  return {
    requests,
    ratePerSecond: requests / seconds,
    p50Ms: p50,
    p95Ms: p95,
    p99Ms: p99,
    maxMs: max,
    firstByteP95Ms: Number.NaN,
    errorShare: requests === 0 ? 1 : errorsOf(aggregate) / requests,
  };
}
