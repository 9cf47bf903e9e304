/** What a service says of itself while it is under load, asked once a second. */
import { epochMs } from "../bench/clock.ts";
import { Metrics } from "../bench/metrics.ts";

/** Of one second. */
export interface Sample {
  /** Since the Unix epoch. */
  atSeconds: number;
  /** Of all CPUs that the process may use. */
  cpuShare: number;
  /** Of the machine, with whatever else runs on it: servers, load generator. */
  machineCpuShare: number;
  memoryBytes: number;
  /** Events published and not planned yet, of the lane with the most. */
  lag: number;
  databaseP95Ms: number;
}

/** Of a whole run. NaN where there was nothing to measure. */
export interface Figures {
  cacheHitShare: number;
  databaseP95Ms: number;
  /** From the acceptance of a notification to the end of a delivery. */
  acceptedToSentP95Ms: number;
  lagMax: number;
  /** Averages. */
  lag: number;
  cpuShare: number;
  machineCpuShare: number;
  /** The most; the share is of what the process may use. */
  memoryBytes: number;
  memoryShare: number;
  /** Times that it did not say anything in time. */
  unanswered: number;
}

export interface Watch {
  readonly samples: readonly Sample[];
  /** Asks a last time. */
  stop(): Promise<Figures>;
}

const intervalMs = 1000;
const answerTimeoutMs = 5000;

/** @throws Error where the service gives no metrics to begin with */
export async function watch(url: string): Promise<Watch> {
  const samples: Sample[] = [];
  const first = await look(url);
  let last = first;
  let unanswered = 0;
  let stopped = false;
  const watching = (async () => {
    while (!stopped) {
      await Bun.sleep(intervalMs - (epochMs() % intervalMs));
      const next = await look(url).catch(() => null);
      if (next === null) unanswered += 1;
      else {
        samples.push(sampleOf(last, next));
        last = next;
      }
    }
  })();
  return {
    samples,
    async stop() {
      stopped = true;
      await watching;
      return { ...figuresOf(first, last, samples), unanswered };
    },
  };
}

interface Look {
  atMs: number;
  metrics: Metrics;
}

async function look(url: string): Promise<Look> {
  const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(answerTimeoutMs) });
  if (!answer.ok) throw new Error(`${url}/metrics answered ${answer.status}`);
  return { metrics: new Metrics(await answer.text()), atMs: epochMs() };
}

function sampleOf(before: Look, now: Look): Sample {
  return {
    atSeconds: now.atMs / 1000,
    cpuShare: cpuShare(before, now),
    machineCpuShare: machineCpuShare(before, now),
    memoryBytes: now.metrics.sum("process_resident_memory_bytes"),
    // Of the log in memory, or of Kafka.
    lag: Math.max(now.metrics.max("carillon_event_log_backlog"), now.metrics.max("carillon_kafka_lag")),
    databaseP95Ms: databaseP95Ms(before, now),
  };
}

function figuresOf(before: Look, now: Look, samples: Sample[]): Omit<Figures, "unanswered"> {
  const hits = growth(before, now, "carillon_cache_requests_total", { result: "hit" });
  const lookups = growth(before, now, "carillon_cache_requests_total");
  const lags = samples.map(({ lag }) => lag);
  const memoryBytes = Math.max(...samples.map((sample) => sample.memoryBytes));
  return {
    cacheHitShare: hits / lookups,
    databaseP95Ms: databaseP95Ms(before, now),
    acceptedToSentP95Ms: now.metrics.quantileMs("carillon_accept_to_sent_seconds", 0.95, before.metrics),
    lagMax: Math.max(...lags),
    lag: lags.reduce((sum, lag) => sum + lag, 0) / lags.length,
    cpuShare: cpuShare(before, now),
    machineCpuShare: machineCpuShare(before, now),
    memoryBytes,
    memoryShare: memoryBytes / now.metrics.sum("carillon_memory_limit_bytes"),
  };
}

const growth = (before: Look, now: Look, name: string, labels: Record<string, string> = {}) =>
  now.metrics.sum(name, labels) - before.metrics.sum(name, labels);

const cpuShare = (before: Look, now: Look) =>
  growth(before, now, "process_cpu_seconds_total") /
  ((now.atMs - before.atMs) / 1000) /
  now.metrics.sum("carillon_cpus");

const machineCpuShare = (before: Look, now: Look) =>
  1 -
  growth(before, now, "carillon_machine_cpu_seconds_total", { mode: "idle" }) /
    growth(before, now, "carillon_machine_cpu_seconds_total");

const databaseP95Ms = (before: Look, now: Look) =>
  now.metrics.quantileMs("carillon_database_query_seconds", 0.95, before.metrics);
