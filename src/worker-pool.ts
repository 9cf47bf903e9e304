import type { Config } from "./config.ts";
import { StartError } from "./errors.ts";
import type { Work } from "./pipeline/work.ts";
import type { Telemetry } from "./telemetry.ts";
import { type Snapshot, ThreadMetrics } from "./thread-metrics.ts";
import { configOfWorker } from "./worker-share.ts";

/** What the main thread tells a worker. */
export type ToWorker =
  | { does: "start"; index: number; config: Config; dev: boolean }
  | { does: "wake" }
  | { does: "sweep"; id: number }
  | { does: "metrics"; id: number }
  | { does: "stop"; graceMs: number };

/** What a worker says. */
export type FromWorker =
  | { says: "ready" }
  /** As JSON: metrics hold functions, which no message carries. */
  | { says: "answer"; id: number; json: string }
  /** Log lines, each followed by a line feed. */
  | { says: "lines"; text: string }
  | { says: "failed"; error: string }
  | { says: "stopped" };

/** The waits before a worker that ended is started again, in milliseconds: doubled from the first to the last. */
const restartMinMs = 100;
const restartMaxMs = 10_000;
/** A worker that ran so long begins with the shortest wait again. */
const healthyMs = 60_000;
/** How long a worker may take to answer a question, in milliseconds: what it said before stands until then. */
const answerTimeoutMs = 2000;
/** What a worker may take to stop beyond the grace for what it sends, in milliseconds. */
const stopSlackMs = 3000;

interface Options {
  count: number;
  config: Config;
  dev: boolean;
  telemetry: Telemetry;
}

interface Thread {
  ask(does: "sweep" | "metrics"): Promise<unknown>;
  tell(message: ToWorker): void;
  stop(graceMs: number): Promise<void>;
}

/**
 * The half of the path behind the event log, on threads of its own. One that ends is started again.
 *
 * @throws StartError where one ends before it ever began, with the reason: the next would end as well
 */
export async function startWorkers({ count, ...options }: Options): Promise<Work> {
  const said = new ThreadMetrics();
  const threads = Array.from({ length: count }, (_, index) =>
    startThread(index, { ...options, onEnded: () => said.ended(index) }),
  );
  const stop = async (graceMs: number) => {
    await Promise.all(threads.map((thread) => thread.stop(graceMs)));
  };
  try {
    await Promise.all(threads.map(({ ready }) => ready));
  } catch (error) {
    await stop(0);
    throw error;
  }
  return {
    wake() {
      for (const { tell } of threads) tell({ does: "wake" });
    },
    async sweep() {
      await Promise.all(threads.map(({ ask }) => ask("sweep")));
    },
    async metrics() {
      const answers = await Promise.all(threads.map(({ ask }) => ask("metrics")));
      for (const [index, answer] of answers.entries()) {
        if (Array.isArray(answer)) said.said(index, answer as Snapshot);
      }
      return said.all();
    },
    stop,
  };
}

function startThread(
  index: number,
  { config, dev, telemetry, onEnded }: Omit<Options, "count"> & { onEnded: () => void },
): Thread & { ready: Promise<void> } {
  const firstReady = Promise.withResolvers<void>();
  const answers = new Map<number, (value: unknown) => void>();
  let asked = 0;
  let begun = false;
  let stopping = false;
  let onStopped = () => {};
  let waitMs = restartMinMs;
  let worker: Worker | null = spawn();

  function spawn(): Worker {
    const startedMs = performance.now();
    const spawned = new Worker(new URL("./worker.ts", import.meta.url));
    let ended = false;
    const end = (why: string) => {
      if (ended) return;
      ended = true;
      worker = null;
      onEnded();
      spawned.terminate();
      for (const answer of answers.values()) answer(null);
      answers.clear();
      if (stopping) return onStopped();
      if (!begun) return firstReady.reject(new StartError(`A worker could not start: ${why}`));
      if (performance.now() - startedMs > healthyMs) waitMs = restartMinMs;
      telemetry.workerEnded(index, why, waitMs);
      setTimeout(() => {
        if (!stopping) worker = spawn();
      }, waitMs);
      waitMs = Math.min(waitMs * 2, restartMaxMs);
    };
    spawned.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.says === "ready") {
        begun = true;
        firstReady.resolve();
      } else if (data.says === "answer") {
        answers.get(data.id)?.(JSON.parse(data.json));
        answers.delete(data.id);
      } else if (data.says === "lines") {
        for (const line of data.text.trimEnd().split("\n")) telemetry.write(line);
      } else end(data.says === "failed" ? data.error : "it was asked to stop");
    };
    spawned.onerror = ({ message }) => end(message);
    spawned.addEventListener("close", () => end("it ended by itself"));
    spawned.postMessage({
      does: "start",
      index,
      config: configOfWorker(config, index),
      dev,
    } satisfies ToWorker);
    return spawned;
  }

  const tell = (message: ToWorker) => worker?.postMessage(message);

  return {
    ready: firstReady.promise,
    tell,
    ask(does) {
      if (worker === null) return Promise.resolve(null);
      asked += 1;
      const id = asked;
      const { promise, resolve } = Promise.withResolvers<unknown>();
      answers.set(id, resolve);
      tell({ does, id });
      const timer = setTimeout(() => {
        answers.delete(id);
        resolve(null);
      }, answerTimeoutMs);
      return promise.finally(() => clearTimeout(timer));
    },
    stop(graceMs) {
      stopping = true;
      if (worker === null) return Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(() => {
        worker?.terminate();
        resolve();
      }, graceMs + stopSlackMs);
      onStopped = () => {
        clearTimeout(timer);
        resolve();
      };
      tell({ does: "stop", graceMs });
      return promise;
    },
  };
}
