import type { ExternalChannel } from "./channels/channel.ts";
import { createTestProvider } from "./channels/providers/test.ts";
import type { Config } from "./config.ts";
import { externalChannels, openParts, type Parts, systemClock } from "./parts.ts";
import { type Accept, createAccept } from "./pipeline/accept.ts";
import { createArchiving } from "./pipeline/archiving.ts";
import { expiredKeysTask } from "./pipeline/expired-keys.ts";
import { housekeepingTask } from "./pipeline/housekeeping.ts";
import { createLanePace } from "./pipeline/lane-pace.ts";
import { createLeadership } from "./pipeline/leadership.ts";
import { createSweep } from "./pipeline/sweep.ts";
import { pendingTask, scheduledTask } from "./pipeline/sweep-publish.ts";
import { warmUp } from "./pipeline/warm-up.ts";
import { startWork, type Work } from "./pipeline/work.ts";
import type { Clock, EventLog } from "./ports.ts";
import { createTelemetry, type Telemetry } from "./telemetry.ts";
import type { Write } from "./telemetry-logging.ts";
import { watchMachine } from "./telemetry-machine.ts";
import { watchAccept } from "./telemetry-queues.ts";
import { startWorkers } from "./worker-pool.ts";
import { workerCount } from "./worker-share.ts";

/** The running product: its parts, put together once. Functions take what they touch of it. */
export interface App extends Omit<Parts, "close"> {
  config: Config;
  /** A channel without a provider keeps its messages in the sandbox instead of skipping them. */
  dev: boolean;
  /** Requests are still taken, and whoever spreads them over processes is asked to send no more. */
  leaving: boolean;
  /** No new request is taken any more. */
  stopping: boolean;
  clock: Clock;
  telemetry: Telemetry;
  accept: Accept;
  work: Work;
  /** One round of everything that is looked after again and again. */
  sweep(): Promise<void>;
  /** Something is due now, here or in another process. */
  wake(): void;
  /** Ends in order: what was accepted is stored, what is being sent is recorded, the rest stays due. */
  stop(): Promise<void>;
}

interface AppOptions {
  dev: boolean;
  clock?: Clock;
  /** Where log lines go. */
  write?: Write;
}

/** Sends at the same time on a channel without a setting of its own. */
const defaultConcurrency = 16;
/** How long a stop waits for events that this process holds to be planned, in milliseconds. */
const handOnMs = 1000;
const handOnPollMs = 5;
/** What a provider may take beyond its own time-out before an attempt is given up. */
const attemptSlackMs = 5000;

/** Opens everything, migrates, and starts the pipeline. Throws a StartError that says what to do. */
export async function createApp(
  config: Config,
  { dev, clock = systemClock, write }: AppOptions,
): Promise<App> {
  const telemetry = createTelemetry({
    level: config.logLevel,
    sample: config.logSample,
    ...(write ? { write } : {}),
  });
  const parts = await openParts({ config, dev, clock, telemetry });
  const { db, cache, log, tracing } = parts;
  const { acceptWaitMs, cacheTtlSeconds } = config;
  const accept = createAccept({ db, cache, log, clock, telemetry, tracing, acceptWaitMs, cacheTtlSeconds });
  const threads = workerCount(config);
  const ownWork = threads === 0 ? workNeeds({ config, clock, telemetry, parts }) : null;
  const work = await (ownWork !== null
    ? startWork(ownWork)
    : startWorkers({ count: threads, config, dev, telemetry }));
  const leadership = createLeadership({ cache }, "sweep");
  const needs = { ...config, ...parts, clock, telemetry };
  const { archive } = parts;
  const archiving = archive === null ? null : createArchiving({ ...needs, archive });
  const sweep = createSweep({ ...needs, intervalMs: config.sweepIntervalMs }, [
    pendingTask(needs, leadership),
    scheduledTask(needs),
    expiredKeysTask(needs, leadership),
    housekeepingTask({ ...needs, archiving }, leadership, clock.now()),
  ]);
  await sweep.start();
  watchAccept(telemetry, { waiting: accept.waiting, backlog: log.backlog });
  watchMachine(telemetry.registry, config.dataDir);
  // Beside the start, not before it: whatever it has not fetched yet is fetched when it is asked for.
  const warm = warmUp(needs).catch((error: unknown) => telemetry.failed("start", error));

  const app: App = {
    ...parts,
    config,
    dev,
    leaving: false,
    stopping: false,
    clock,
    telemetry,
    accept,
    work,
    async sweep() {
      await sweep.run();
      await archiving?.ended();
      await work.sweep();
    },
    wake() {
      work.wake();
      // Best effort: who does not hear it sees it with the next round of its sweep.
      db.signals.send("wake", "").catch(() => {});
    },
    async stop() {
      app.stopping = true;
      await warm;
      await accept.drained();
      ownWork?.pace.end();
      if (config.kafkaBrokers === null) await handedOn(log);
      await sweep.stop();
      await archiving?.stop();
      await leadership.release();
      await work.stop(config.drainMs);
      await parts.close();
    },
  };
  return app;
}

/**
 * Resolves once the memory's events are planned, or after a second. On a server, another process finds what is left
 * only when PENDING_GRACE_MS is over; Kafka hands it to another at once.
 */
async function handedOn(log: EventLog): Promise<void> {
  const deadlineMs = performance.now() + handOnMs;
  const waiting = () => Object.values(log.backlog()).some((events) => events > 0);
  while (waiting() && performance.now() < deadlineMs) await Bun.sleep(handOnPollMs);
}

/** What the half of the path behind the event log takes, on whichever thread. */
export function workNeeds({
  config,
  clock,
  telemetry,
  parts,
}: {
  config: Config;
  clock: Clock;
  telemetry: Telemetry;
  parts: Parts;
}) {
  return {
    ...config,
    ...parts,
    clock,
    telemetry,
    pace: createLanePace({ onRest: telemetry.laneRested }),
    testProvider: createTestProvider(),
    channels: externalChannels,
    concurrency: concurrencyOf(config),
    attemptMaxMs: config.sendTimeoutMs + attemptSlackMs,
  };
}

function concurrencyOf({ emailConnections, webhookConnections }: Config): Record<ExternalChannel, number> {
  return {
    email: emailConnections,
    webhook: webhookConnections,
    sms: defaultConcurrency,
    push: defaultConcurrency,
    chat: defaultConcurrency,
  };
}
