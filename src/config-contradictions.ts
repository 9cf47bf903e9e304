import type { Config, SettingFault } from "./config.ts";

/** How many sends must fit into a lease: what is claimed ahead waits for at most one, then takes its own time. */
const leaseSends = 3;

/** Whether it contradicts itself, the variable that is to be named, and the sentence. */
type Rule = [contradicts: boolean, name: string, detail: string];

/**
 * What no setting can know by itself: those that no service can be meant to run with. Whoever set one of them had
 * something in mind that would not happen, and would not be told. A variable is named once.
 *
 * @param isGiven whether the environment has a variable: a default yields to what is given
 */
export function contradictions(config: Config, isGiven: (name: string) => boolean): SettingFault[] {
  const rules = [...ofFigures(config), ...ofUpperBounds(config, isGiven), ...ofCompanions(config)];
  const found = rules.filter(([contradicts]) => contradicts).map(([, name, detail]) => ({ name, detail }));
  return [...Map.groupBy(found, ({ name }) => name).values()].flatMap((faults) => faults.slice(0, 1));
}

/** Figures that together lose or repeat something. */
function ofFigures({ leaseMs, sendTimeoutMs, mongodbUrl, archiveAfterDays, retentionDays }: Config): Rule[] {
  return [
    [
      leaseMs < sendTimeoutMs * leaseSends,
      "LEASE_MS",
      `LEASE_MS=${leaseMs}: is below ${leaseSends} times SEND_TIMEOUT_MS (${sendTimeoutMs}), so that what is still being sent would be sent twice`,
    ],
    [
      mongodbUrl !== null && archiveAfterDays >= retentionDays,
      "ARCHIVE_AFTER_DAYS",
      `ARCHIVE_AFTER_DAYS=${archiveAfterDays}: is not below RETENTION_DAYS (${retentionDays}), so that nothing would ever be archived`,
    ],
  ];
}

/** A lower bound that is given and above its upper one. Who lowers the upper one alone lowers both. */
function ofUpperBounds(config: Config, isGiven: (name: string) => boolean): Rule[] {
  const pairs: [string, number, string, number][] = [
    ["DATABASE_POOL_MIN", config.databasePoolMin, "DATABASE_POOL_MAX", config.databasePoolMax],
    ["REDIS_POOL_MIN", config.redisPoolMin, "REDIS_POOL_MAX", config.redisPoolMax],
    ["MONGODB_POOL_MIN", config.mongodbPoolMin, "MONGODB_POOL_MAX", config.mongodbPoolMax],
    ["KAFKA_BATCH_BYTES", config.kafkaBatchBytes, "KAFKA_BATCH_MAX_BYTES", config.kafkaBatchMaxBytes],
  ];
  return pairs.map(([name, value, maxName, max]) => [
    isGiven(name) && value > max,
    name,
    `${name}=${value}: is above ${maxName} (${max})`,
  ]);
}

/** How to reach a server, or a copy of it, and no server: the service would run without, in silence. */
function ofCompanions(config: Config): Rule[] {
  const { databaseUrl, redisUrl, kafkaBrokers } = config;
  const { kafkaSaslMechanism, kafkaSaslUsername, kafkaSaslPassword } = config;
  const without = (name: string, isSet: boolean, needed: string, hasNeeded: boolean): Rule => [
    isSet && !hasNeeded,
    name,
    `${name}: is set without ${needed}, so that nothing would come of it`,
  ];
  return [
    without("DATABASE_REPLICA_URL", config.databaseReplicaUrl !== null, "DATABASE_URL", databaseUrl !== null),
    without("DATABASE_PGBOUNCER", config.databasePgbouncer, "DATABASE_URL", databaseUrl !== null),
    without("REDIS_REPLICA_URL", config.redisReplicaUrl !== null, "REDIS_URL", redisUrl !== null),
    without("KAFKA_SSL", config.kafkaSsl, "KAFKA_BROKERS", kafkaBrokers !== null),
    without("KAFKA_SASL_MECHANISM", kafkaSaslMechanism !== null, "KAFKA_BROKERS", kafkaBrokers !== null),
    [
      kafkaSaslMechanism !== null && (kafkaSaslUsername === null || kafkaSaslPassword === null),
      "KAFKA_SASL_MECHANISM",
      `KAFKA_SASL_MECHANISM=${kafkaSaslMechanism}: needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD`,
    ],
    ...[
      ["KAFKA_SASL_USERNAME", kafkaSaslUsername] as const,
      ["KAFKA_SASL_PASSWORD", kafkaSaslPassword] as const,
    ].map(([name, value]) =>
      without(name, value !== null, "KAFKA_SASL_MECHANISM", kafkaSaslMechanism !== null),
    ),
  ];
}
