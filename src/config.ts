import { archiveSettings } from "./config-archive.ts";
import { cacheSettings } from "./config-cache.ts";
import { contradictions } from "./config-contradictions.ts";
import { databaseSettings } from "./config-database.ts";
import { httpSettings } from "./config-http.ts";
import { kafkaSettings } from "./config-kafka.ts";
import { serviceSettings } from "./config-service.ts";
import type { Setting } from "./config-setting.ts";
import { tracingSettings } from "./config-tracing.ts";
import { StartError } from "./errors.ts";

/** Every setting, once, in the order in which they are shown. */
export const settings = {
  ...serviceSettings,
  ...httpSettings,
  ...databaseSettings,
  ...cacheSettings,
  ...kafkaSettings,
  ...archiveSettings,
  ...tracingSettings,
};

type Settings = typeof settings;
type ValueOf<S> = S extends Setting<infer T> ? T : never;
/** Settings without a default may be absent. */
type Optional =
  | "adminKey"
  | "smtpUrl"
  | "webhookSecret"
  | "corsOrigins"
  | "databaseUrl"
  | "databaseReplicaUrl"
  | "redisUrl"
  | "redisReplicaUrl"
  | "kafkaBrokers"
  | "kafkaSaslMechanism"
  | "kafkaSaslUsername"
  | "kafkaSaslPassword"
  | "workers"
  | "mongodbUrl"
  | "otlpEndpoint"
  | "otlpHeaders";

export type Config = {
  readonly [Name in keyof Settings]: Name extends Optional
    ? ValueOf<Settings[Name]> | null
    : ValueOf<Settings[Name]>;
};

/** What is wrong with one variable, as a sentence that names it. */
export interface SettingFault {
  name: string;
  detail: string;
}

type Environment = Record<string, string | undefined>;

/** Reads all settings and reports every fault, not just the first. An empty variable counts as not set. */
export function readConfig(environment: Environment): { config: Config; faults: SettingFault[] } {
  const faults: SettingFault[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, { name, default: fallback, schema, secret }] of Object.entries<Setting>(settings)) {
    const given = environment[name]?.trim() || fallback;
    if (given === null) {
      values[key] = null;
      continue;
    }
    const parsed = schema.safeParse(given);
    if (parsed.success) values[key] = parsed.data;
    else {
      const why = parsed.error.issues.map(({ message }) => message).join("; ");
      faults.push({ name, detail: secret ? `${name}: ${why}` : `${name}=${given}: ${why}` });
    }
  }
  const config = values as Config;
  const isGiven = (name: string) => Boolean(environment[name]?.trim());
  if (faults.length === 0) faults.push(...contradictions(config, isGiven));
  return { config, faults };
}

/** The configuration, or a StartError that names each variable that is wrong. */
export function loadConfig(environment: Environment): Config {
  const { config, faults } = readConfig(environment);
  if (faults.length > 0) {
    throw new StartError(
      ["The configuration is wrong:", ...faults.map(({ detail }) => `  ${detail}`)].join("\n"),
    );
  }
  return config;
}
