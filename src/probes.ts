/** What doctor asks of the servers that the settings name. Nothing is changed, and what was opened is closed again. */
import { type Backlog, readBacklog } from "../db/backlog.ts";
import { type ServerState, serverState } from "../db/server-state.ts";
import type { Drizzle } from "../db/statement.ts";
import { type DatabaseTrouble, databaseTrouble } from "../db/trouble.ts";
import { type KafkaState, type KafkaWork, probeKafka } from "./adapters/kafka-probe.ts";
import { probePostgres } from "./adapters/postgres-probe.ts";
import type { Config } from "./config.ts";
import { createTelemetry } from "./telemetry.ts";
import { createDatabaseTelemetry } from "./telemetry-database.ts";
import { createKafkaTelemetry } from "./telemetry-kafka.ts";

export { probeMongo } from "./adapters/mongodb-probe.ts";
export { probeRedis, type RedisState } from "./adapters/redis-probe.ts";
export type { KafkaState, KafkaWork };

/** Says nothing: what matters is in the answer. */
const silent = () => createTelemetry({ level: "error", write: () => {} });

function askPostgres<T>(config: Config, databaseUrl: string, ask: (db: Drizzle) => Promise<T>): Promise<T> {
  const { registry, log } = silent();
  const telemetry = createDatabaseTelemetry({ registry, log, slowQueryMs: config.databaseSlowQueryMs });
  return probePostgres({ ...config, databaseUrl }, telemetry, ask);
}

export const lookAtPostgres = (config: Config, databaseUrl: string): Promise<ServerState> =>
  askPostgres(config, databaseUrl, serverState);

/** Of a database, its state; and where it holds tables, what is the matter with its work. */
export interface DatabaseLook {
  state: ServerState;
  trouble: DatabaseTrouble | null;
  /** Null where somebody holds its tables, too. */
  backlog: Backlog | null;
}

export function lookAtDatabase(config: Config, databaseUrl: string): Promise<DatabaseLook> {
  return askPostgres(config, databaseUrl, async (db) => {
    const state = await serverState(db);
    if (state.schemaVersion === 0) return { state, trouble: null, backlog: null };
    const nowMs = Date.now();
    const trouble = await databaseTrouble(db, nowMs);
    return { state, trouble, backlog: await readBacklog(db, new Date(nowMs).toISOString()) };
  });
}

export const lookAtKafka = (config: Config, kafkaBrokers: string[]) =>
  probeKafka({ ...config, kafkaBrokers }, createKafkaTelemetry(silent()));
