import { availableParallelism } from "node:os";
import type { Config } from "./config.ts";

/**
 * How many workers take events from the log; 0 where the main thread does it itself: without Kafka, and with an
 * embedded database, since workers share no memory.
 */
export function workerCount({ kafkaBrokers, databaseUrl, workers }: Config): number {
  if (kafkaBrokers === null || databaseUrl === null) return 0;
  return workers ?? Math.max(1, availableParallelism() - 1);
}

/** The settings of one worker: what a process may send at the same time is divided among them, at least 1 each. */
export function configOfWorker(config: Config, index: number): Config {
  const count = workerCount(config);
  const shareOf = (total: number) => Math.max(1, Math.floor((total + count - 1 - index) / count));
  return {
    ...config,
    emailConnections: shareOf(config.emailConnections),
    webhookConnections: shareOf(config.webhookConnections),
  };
}
