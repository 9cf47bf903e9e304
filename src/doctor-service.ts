import { z } from "zod";
import { type Finding, fail, ok, type Result, warn } from "./doctor-finding.ts";
import { Interval } from "./doctor-interval.ts";
import { examineCache } from "./doctor-service-cache.ts";
import { examineStatements } from "./doctor-service-database.ts";
import { examineEventLog } from "./doctor-service-kafka.ts";
import { examineProcess } from "./doctor-service-process.ts";
import { examineRequests } from "./doctor-service-requests.ts";
import { examineWork } from "./doctor-service-work.ts";
import { secondsIn } from "./doctor-words.ts";
import { type Sample, samplesOf } from "./metrics-text.ts";

/** How long the service may take to answer, in milliseconds: /readyz itself waits 2 s for its database. */
const timeoutMs = 5000;

/** Where a service may run, and how it is looked at. */
export interface ServiceAddress {
  url: string;
  /** Somebody said that it runs there: then it fails that it does not. */
  expected: boolean;
  /** Between the two readings of its metrics. */
  seconds: number;
}

/** What a running service says of itself. Where none runs, that, and nothing else. */
export async function examineService(address: ServiceAddress): Promise<Finding[]> {
  const { url, seconds } = address;
  const alive = await ask(`${url}/healthz`);
  if (alive === "nothing") return [{ check: "service", ...absent(address) }];
  if (alive === "silence") return [{ check: "service", ...silent(url) }];
  if (!liveness.safeParse(alive.json()).success) {
    return [
      {
        check: "service",
        ...warn(`What answers at ${url} is no Carillon.`, "Set PORT or --url to the service's."),
      },
    ];
  }
  const earlier = await readMetrics(url);
  if (earlier === null) {
    return [
      {
        check: "service",
        ...fail(`${url} lives and gives no metrics.`, "Ask it directly, past any proxy.", "high-latency"),
      },
    ];
  }
  await Bun.sleep(Math.max(0, earlier.atMs + seconds * 1000 - performance.now()));
  const [readiness, later] = await Promise.all([ask(`${url}/readyz`), readMetrics(url)]);
  if (typeof readiness === "string" || later === null) return [{ check: "service", ...silent(url) }];
  const ready = { check: "service", ...readinessOf(url, readiness.json(), later.samples) };
  const interval = new Interval(earlier.samples, later.samples, (later.atMs - earlier.atMs) / 1000);
  const findings = [
    examineRequests,
    examineWork,
    examineStatements,
    examineCache,
    examineEventLog,
    examineProcess,
  ].flatMap((examine) => examine(interval));
  return [ready, ...findings].sort((a, b) => ranks[a.level] - ranks[b.level]);
}

/** The worst comes first. */
const ranks = { fail: 0, warn: 1, ok: 2 };

function absent({ url, expected }: ServiceAddress): Result {
  const found = `nothing answers at ${url}`;
  if (expected) return fail(`${found}.`, "Start it, or correct --url.", "not-running");
  return ok(`${found}, so no running service was looked at.`);
}

const silent = (url: string) =>
  fail(
    `${url} is listened at, and does not answer within ${secondsIn(timeoutMs / 1000)}.`,
    null,
    "not-running",
  );

/** Of the answers, what is read: the service may be of another version. */
const liveness = z.object({ data: z.object({ status: z.literal("alive") }) });
const readinessAnswer = z.object({
  data: z.object({
    status: z.string(),
    missing: z.string().optional(),
    degraded: z.array(z.string()).default([]),
  }),
});

function readinessOf(url: string, answer: unknown, samples: Sample[]): Result {
  const { success, data: known } = readinessAnswer.safeParse(answer);
  if (!success) return fail(`${url} lives and does not say whether it is ready.`, null, "not-running");
  const { status, missing = status, degraded } = known.data;
  if (status !== "ready") {
    return fail(
      `${url} is not ready: ${missing}.`,
      null,
      missing === "database" ? "database" : "not-running",
    );
  }
  if (degraded.length > 0) {
    const entry = degraded.includes("event log") ? "kafka-down" : "redis-down";
    return warn(`${url} is ready, without its ${degraded.join(" and its ")}.`, null, entry);
  }
  const startedSeconds = samples.find(({ name }) => name === "process_start_time_seconds")?.value;
  const up = startedSeconds === undefined ? "" : `, up for ${secondsIn(Date.now() / 1000 - startedSeconds)}`;
  return ok(`${url} is ready${up}.`);
}

async function readMetrics(url: string): Promise<{ samples: Sample[]; atMs: number } | null> {
  const answer = await ask(`${url}/metrics`);
  return typeof answer === "object" && answer.status === 200
    ? { samples: samplesOf(answer.text), atMs: performance.now() }
    : null;
}

type Asked = { status: number; text: string; json(): unknown } | "nothing" | "silence";

/** What answers; `nothing` where none listens, `silence` where it does and gives no answer in time. */
async function ask(url: string): Promise<Asked> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    const text = await response.text();
    return {
      status: response.status,
      text,
      json(): unknown {
        try {
          return JSON.parse(text);
        } catch {
          return null;
        }
      },
    };
  } catch (error) {
    const { name } = error as Error;
    return name === "TimeoutError" ? "silence" : "nothing";
  }
}
