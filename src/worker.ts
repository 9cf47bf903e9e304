import { workNeeds } from "./app.ts";
import type { Config } from "./config.ts";
import { StartError } from "./errors.ts";
import { openParts, systemClock } from "./parts.ts";
import { startWork, type Work } from "./pipeline/work.ts";
import { createTelemetry } from "./telemetry.ts";
import { createLines, watchLines } from "./telemetry-lines.ts";
import { wordsOfError } from "./telemetry-logging.ts";
import type { FromWorker, ToWorker } from "./worker-pool.ts";

/**
 * The entry of a Bun Worker: consumes the event log, plans and sends, with connections of its own. It stands directly
 * in src/, since a compiled binary finds it only there.
 */
declare const self: Worker;

const tell = (message: FromWorker) => self.postMessage(message);
const { promise: started, resolve: onStarted } = Promise.withResolvers<Running>();

/** Written by the main thread, so that no two write into each other's lines. */
const lines = createLines((text, done) => {
  tell({ says: "lines", text });
  done();
});
const linesFlushMs = 100;

interface Running {
  work: Work;
  metrics(): Promise<object[]>;
  close(): Promise<void>;
}

async function start(index: number, config: Config, dev: boolean): Promise<Running> {
  const { logLevel, logSample } = config;
  const telemetry = createTelemetry({ level: logLevel, sample: logSample, write: lines.write });
  watchLines(telemetry.registry, lines);
  const parts = await openParts({ config, dev, clock: systemClock, telemetry, worker: index });
  const work = await startWork(workNeeds({ config, clock: systemClock, telemetry, parts }));
  return { work, metrics: () => telemetry.registry.getMetricsAsJSON(), close: parts.close };
}

async function take(message: ToWorker): Promise<void> {
  switch (message.does) {
    case "start":
      onStarted(await start(message.index, message.config, message.dev));
      return tell({ says: "ready" });
    case "wake":
      return (await started).work.wake();
    case "sweep":
      await (await started).work.sweep();
      return tell({ says: "answer", id: message.id, json: "null" });
    case "metrics":
      return tell({ says: "answer", id: message.id, json: JSON.stringify(await (await started).metrics()) });
    case "stop": {
      const running = await started;
      await running.work.stop(message.graceMs);
      await running.close();
      await lines.flush(linesFlushMs);
      return tell({ says: "stopped" });
    }
  }
}

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  // What is thrown here ends the worker, which is then started anew: what led to it is told first.
  take(data).catch((error: unknown) => {
    lines.end();
    tell({ says: "failed", error: error instanceof StartError ? error.message : wordsOfError(error) });
  });
};
