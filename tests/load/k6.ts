/**
 * The real k6 on a scenario of k6/. Its samples are read as they come: a long run has more than fit into memory. They cost
 * k6 20 µs a request beside the 108 that it takes at least, and 7 µs here.
 */
import { join } from "node:path";
import { onceGone } from "../process.ts";
import { k6Path } from "../services/k6.ts";
import { tempFolder } from "../temp-folder.ts";
import { lastOf, linesOf } from "./lines.ts";
import { Seconds } from "./seconds.ts";
import type { Generator, Traffic } from "./traffic.ts";

const scripts = join(import.meta.dir, "../../k6");
/** Of k6's own: all went well, and a threshold does not hold. Any other says that it could not run. */
const exitCodes = { done: 0, thresholds: 99 };
const logLinesMax = 20;

/** @param script its name in k6/ */
export function k6(script: string): Generator {
  return async ({ url, apiKey, hookUrl, lastsSeconds, onInterval, signal }) => {
    const program = process.env.TEST_K6 || (await k6Path());
    await using folder = tempFolder();
    const summary = join(folder.path, "summary.json");
    const child = Bun.spawn(
      [
        program,
        "run",
        "--quiet",
        "--no-usage-report",
        "--address=", // No server of its own: another k6 may have its port.
        "--out=csv=-",
        "--system-tags=name,status,scenario",
        "--summary-trend-stats=avg,med,p(95),p(99),max",
        `--summary-export=${summary}`,
        join(scripts, script),
      ],
      {
        env: {
          PATH: process.env.PATH ?? "",
          HOME: process.env.HOME ?? "",
          BASE_URL: url,
          API_KEY: apiKey,
          WEBHOOK_URL: hookUrl,
          ...(lastsSeconds === null ? {} : { LASTS_SECONDS: String(lastsSeconds), BOUNDS: "targets" }),
        },
        stdio: ["ignore", "pipe", "pipe"],
        signal,
      },
    );
    const killing = onceGone("kill", "-KILL", String(child.pid));
    const log = lastOf(child.stderr, logLinesMax);
    const seconds = new Seconds(onInterval);
    for await (const line of linesOf(child.stdout)) readSample(line, seconds);
    seconds.end();
    const code = await child.exited;
    killing.cancel();
    signal.throwIfAborted();
    if (code !== exitCodes.done && code !== exitCodes.thresholds) {
      throw new Error(`k6 could not run ${script} (it ended with ${code}):\n${await log}`);
    }
    return trafficOf(await Bun.file(summary).json());
  };
}

/** `metric_name,timestamp,metric_value,…`, of which the time is in whole seconds. */
function readSample(line: string, seconds: Seconds): void {
  if (line.startsWith("http_req_duration,")) {
    const [, at, value] = line.split(",", 3);
    seconds.answered(Number(at), Number(value));
  } else if (line.startsWith("errors,")) {
    const [, at, value] = line.split(",", 3);
    if (Number(value) > 0) seconds.failed(Number(at));
  }
}

interface Summary {
  metrics: Record<string, Record<string, number> & { thresholds?: Record<string, boolean> }>;
}

function trafficOf({ metrics }: Summary): Traffic {
  const of = (metric: string, stat: string) => metrics[metric]?.[stat] ?? Number.NaN;
  // It says of each threshold whether it was crossed.
  const broken = Object.entries(metrics).flatMap(([metric, { thresholds = {} }]) =>
    Object.entries(thresholds).flatMap(([bound, crossed]) => (crossed ? [`${metric}: ${bound}`] : [])),
  );
  return {
    requests: of("http_reqs", "count"),
    ratePerSecond: of("http_reqs", "rate"),
    p50Ms: of("http_req_duration", "med"),
    p95Ms: of("http_req_duration", "p(95)"),
    p99Ms: of("http_req_duration", "p(99)"),
    maxMs: of("http_req_duration", "max"),
    firstByteP95Ms: of("http_req_waiting", "p(95)"),
    errorShare: of("errors", "value"),
    broken,
  };
}
