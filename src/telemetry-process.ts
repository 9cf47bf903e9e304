import { monitorEventLoopDelay } from "node:perf_hooks";
import { isMainThread } from "node:worker_threads";
import { collectDefaultMetrics, Gauge, Registry } from "prom-client";

/** Of the process as a whole, once: not added up over threads. */
export const ofProcess = new Registry();

if (isMainThread) {
  collectDefaultMetrics({ register: ofProcess });
  for (const name of unwanted()) ofProcess.removeSingleMetric(name);
}

function* unwanted() {
  // Bun walks the whole heap for these: 53 ms a scrape, in which nothing else happens.
  for (const figure of ["total", "used", "available"]) yield `nodejs_heap_space_size_${figure}_bytes`;
  // Bun counts none of them, and a gauge must not be named as a counter is.
  for (const kind of ["resources", "handles", "requests"]) {
    yield `nodejs_active_${kind}`;
    yield `nodejs_active_${kind}_total`;
  }
  // Of this thread alone, and reading them would reset Bun's one histogram of it, which ours reads.
  for (const figure of ["", "min_", "max_", "mean_", "stddev_", "p50_", "p90_", "p99_"])
    yield `nodejs_eventloop_lag_${figure}seconds`;
}

const delay = monitorEventLoopDelay();
delay.enable();

/** How long this thread's event loop was held up since the metrics were last read. Once a registry of a thread. */
export function watchEventLoop(registry: Registry): void {
  const registers = [registry];
  new Gauge({
    name: "carillon_event_loop_lag_seconds",
    help: "99 of 100 turns of each thread's event loop were held up for less since the last scrape",
    aggregator: "max",
    registers,
    collect() {
      this.set(delay.percentile(99) / 1e9);
      max.set(delay.max / 1e9);
      delay.reset();
    },
  });
  // After it, since metrics are read in the order in which they were made.
  const max = new Gauge({
    name: "carillon_event_loop_lag_max_seconds",
    help: "The longest that the event loop of a thread was held up since the last scrape",
    aggregator: "max",
    registers,
  });
}
