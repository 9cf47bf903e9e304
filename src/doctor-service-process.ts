import { type Finding, judged, ok, type Result, warn } from "./doctor-finding.ts";
import type { Interval } from "./doctor-interval.ts";
import { count, megabytes, percent, secondsIn, several } from "./doctor-words.ts";
import { bounds, targets } from "./targets.ts";

/** What the process takes of its machine, and whether it is well itself. */
export function examineProcess(interval: Interval): Finding[] {
  return [
    { check: "event loop", ...eventLoop(interval) },
    { check: "cpu", ...cpu(interval) },
    { check: "memory", ...memory(interval) },
    { check: "disk left", ...disk(interval) },
    { check: "workers", ...workers(interval) },
    { check: "own errors", ...ownErrors(interval) },
  ];
}

function eventLoop(interval: Interval): Result {
  const lag = interval.value("carillon_event_loop_lag_seconds") ?? 0;
  const longest = interval.value("carillon_event_loop_lag_max_seconds") ?? 0;
  const bound = secondsIn(bounds.eventLoopLagSeconds.warning);
  const found = `p99 ${secondsIn(lag)} (bound ${bound}); the longest was ${secondsIn(longest)}.`;
  return judged(lag, bounds.eventLoopLagSeconds, found, "event-loop-lag");
}

function cpu(interval: Interval): Result {
  const cpus = interval.value("carillon_cpus") ?? 1;
  const process = interval.rate("process_cpu_seconds_total") / cpus;
  const all = interval.increase("carillon_machine_cpu_seconds_total");
  const idle = interval.increase("carillon_machine_cpu_seconds_total", ({ mode }) => mode === "idle");
  const machine = all > 0 ? 1 - idle / all : 0;
  const found = `the process uses ${percent(process)} of ${several(cpus, "CPU")}, the machine ${percent(machine)} of its own (target ${percent(targets.cpuRatio.warning)}).`;
  return judged(Math.max(process, machine), targets.cpuRatio, found, "cpu");
}

function memory(interval: Interval): Result {
  const resident = interval.value("process_resident_memory_bytes") ?? 0;
  const limit = interval.value("carillon_memory_limit_bytes") ?? Number.POSITIVE_INFINITY;
  const has = interval.value("carillon_machine_memory_bytes") ?? 1;
  const machine = 1 - (interval.value("carillon_machine_memory_available_bytes") ?? has) / has;
  const found = `the process holds ${megabytes(resident)}, ${percent(resident / limit)} of what it may; ${percent(machine)} of the machine's is taken (target ${percent(targets.memoryRatio.warning)}).`;
  return judged(Math.max(resident / limit, machine), targets.memoryRatio, found, "memory");
}

function disk(interval: Interval): Result {
  const free = interval.value("carillon_disk_free_bytes");
  const size = interval.value("carillon_disk_bytes");
  if (free === null || size === null) return ok("not told.");
  const bound = percent(bounds.diskFreeRatio.warning);
  const found = `${percent(free / size)} of the disk of DATA_DIR, ${megabytes(free)}, is free (bound ${bound}).`;
  return judged(free / size, bounds.diskFreeRatio, found, "full-disk");
}

function workers(interval: Interval): Result {
  const restarts = interval.value("carillon_worker_restarts_total") ?? 0;
  if (restarts === 0) return ok("none ended by itself since the start.");
  return warn(`${several(restarts, "worker")} ended since the start, and began anew.`, null, "workers-end");
}

function ownErrors(interval: Interval): Result {
  const name = "carillon_errors_total";
  const stages = interval
    .words(name, "stage")
    .map((stage) => ({ stage, errors: interval.increase(name, (labels) => labels.stage === stage) }))
    .filter(({ errors }) => errors > 0)
    .map(({ stage, errors }) => `${stage} ${count(errors)}`);
  const rate = interval.rate(name);
  const found = `${Number(rate.toFixed(1))} a second (bound ${bounds.ownErrorsPerSecond.warning})${stages.length === 0 ? "" : `: ${stages.join(", ")}; the log has each whole`}.`;
  return judged(rate, bounds.ownErrorsPerSecond, found, "high-error-rate");
}
