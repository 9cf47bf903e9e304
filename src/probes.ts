/** What doctor asks of the servers that the settings name. Nothing is changed, and what was opened is closed again. */
import { type KafkaState, probeKafka } from "./adapters/kafka-probe.ts";
import { probePostgres } from "./adapters/postgres-probe.ts";
import type { Config } from "./config.ts";
import { createTelemetry } from "./telemetry.ts";
import { createDatabaseTelemetry } from "./telemetry-database.ts";
import { createKafkaTelemetry } from "./telemetry-kafka.ts";

export { probeMongo } from "./adapters/mongodb-probe.ts";
export { probeRedis, type RedisState } from "./adapters/redis-probe.ts";
export type { KafkaState };

/** Says nothing: what matters is in the answer. */
const silent = () => createTelemetry({ level: "error", write: () => {} });

export function lookAtPostgres(config: Config, databaseUrl: string) {
  const { registry, log } = silent();
  const telemetry = createDatabaseTelemetry({ registry, log, slowQueryMs: config.databaseSlowQueryMs });
  return probePostgres({ ...config, databaseUrl }, telemetry);
}

export const lookAtKafka = (config: Config, kafkaBrokers: string[]) =>
  probeKafka({ ...config, kafkaBrokers }, createKafkaTelemetry(silent()));
