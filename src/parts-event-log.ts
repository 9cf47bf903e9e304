import { createKafkaEventLog } from "./adapters/event-log-kafka.ts";
import { createMemoryEventLog } from "./adapters/event-log-memory.ts";
import { seatOf } from "./adapters/kafka-seats.ts";
import type { Config } from "./config.ts";
import type { EventLog } from "./ports.ts";
import type { Telemetry } from "./telemetry.ts";
import { createKafkaTelemetry } from "./telemetry-kafka.ts";
import { workerCount } from "./worker-share.ts";

/**
 * The event log that the settings choose, for one thread.
 *
 * @param worker which of the workers it is; null for the main thread, which consumes where there are none
 */
export function openEventLog(config: Config, telemetry: Telemetry, worker: number | null): EventLog {
  const { kafkaBrokers } = config;
  if (kafkaBrokers === null) {
    return createMemoryEventLog({ onError: (error) => telemetry.failed("dispatch", error) });
  }
  const seat = worker === null && workerCount(config) > 0 ? null : seatOf(worker ?? 0);
  return createKafkaEventLog({ ...config, kafkaBrokers }, createKafkaTelemetry(telemetry), seat);
}
