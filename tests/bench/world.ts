import { Redis } from "ioredis";
import { Kafka, logLevel } from "kafkajs";
import { workAroundKafkaJs } from "../../src/adapters/kafka-workarounds.ts";
import { onServer } from "../databases.ts";
import type { Servers } from "./servers.ts";

/** Where something is measured: a database, keys and topics of its own, that leave nothing behind. */

workAroundKafkaJs();

/** What the service runs on. */
export type Setup = "postgres" | "all";

export const setupNames: Record<Setup | "embedded", string> = {
  embedded: "the embedded parts",
  postgres: "PostgreSQL",
  all: "PostgreSQL + Redis + Kafka",
};

export interface World extends AsyncDisposable {
  databaseUrl: string;
  redisPrefix: string;
  kafkaPrefix: string;
  /** The service's settings that choose these servers. */
  settingsOf(setup: Setup): Record<string, string>;
}

export async function openWorld({ databaseUrl, redisUrl, kafkaBrokers }: Servers): Promise<World> {
  const name = `carillon_bench_${Bun.randomUUIDv7().replaceAll("-", "").slice(-12)}`;
  await onServer(databaseUrl, (sql) => sql.unsafe(`create database ${name}`));
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  const redisPrefix = `${name}:`;
  return {
    databaseUrl: url.href,
    redisPrefix,
    kafkaPrefix: name,
    settingsOf: (setup) => ({
      DATABASE_URL: url.href,
      ...(setup === "all" && {
        REDIS_URL: redisUrl,
        REDIS_PREFIX: redisPrefix,
        KAFKA_BROKERS: kafkaBrokers,
        KAFKA_TOPIC_PREFIX: name,
      }),
    }),
    async [Symbol.asyncDispose]() {
      await onServer(databaseUrl, (sql) => sql.unsafe(`drop database if exists ${name} with (force)`));
      await removeKeys(redisUrl, redisPrefix);
      await removeTopics(kafkaBrokers, name);
    },
  };
}

const keysAtOnce = 1000;

async function removeKeys(url: string, prefix: string): Promise<void> {
  const redis = new Redis(url);
  for await (const keys of redis.scanStream({ match: `${prefix}*`, count: keysAtOnce }) as AsyncIterable<
    string[]
  >) {
    if (keys.length > 0) await redis.unlink(...keys);
  }
  await redis.quit();
}

async function removeTopics(brokers: string, prefix: string): Promise<void> {
  const admin = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
  if (topics.length > 0) await admin.deleteTopics({ topics });
  const { groups } = await admin.listGroups();
  const ours = groups.map(({ groupId }) => groupId).filter((id) => id.startsWith(prefix));
  // A group that still has members is left: the broker forgets it by itself.
  if (ours.length > 0) await admin.deleteGroups(ours).catch(() => {});
  await admin.disconnect();
}
