import type { Config } from "./config.ts";
import { examineDatabase, examineReplica } from "./doctor-database.ts";
import { type Finding, ok, type Result, sentence, warn } from "./doctor-finding.ts";
import { examineKafka } from "./doctor-kafka.ts";
import { examineRedis } from "./doctor-redis.ts";
import { probeMongo } from "./probes.ts";
import { addressIn } from "./server-address.ts";

/** The servers that the settings name, each on its own: one that does not answer hides no other. */
export async function examineServers(config: Config): Promise<Finding[]> {
  const { databaseUrl, databaseReplicaUrl, redisUrl, redisReplicaUrl, kafkaBrokers, mongodbUrl } = config;
  const named = <Of>(setting: Of | null, examine: (setting: Of) => Promise<Finding[]>) =>
    setting === null ? [] : examine(setting);
  const findings = await Promise.all([
    named(databaseUrl, (url) => examineDatabase(config, url)),
    named(databaseUrl && databaseReplicaUrl, async (url) => [
      { check: "replica", ...(await examineReplica(config, url)) },
    ]),
    named(redisUrl, async (url) => [{ check: "cache", ...(await examineRedis(config, url, "REDIS_URL")) }]),
    named(redisUrl && redisReplicaUrl, async (url) => [
      { check: "cache copy", ...(await examineRedis(config, url, "REDIS_REPLICA_URL")) },
    ]),
    named(kafkaBrokers, (brokers) => examineKafka(config, brokers)),
    named(mongodbUrl, async (url) => [{ check: "archive", ...(await examineMongo(url)) }]),
  ]);
  return findings.flat();
}

async function examineMongo(url: string): Promise<Result> {
  const place = `MongoDB at ${addressIn(url)}`;
  try {
    const { version } = await probeMongo(url);
    return ok(`${place} answers, version ${version}.`);
  } catch (error) {
    return warn(
      sentence(`${place} does not answer: ${(error as Error).message}`),
      "Start it, or correct MONGODB_URL: until it answers, nothing is archived and what was cannot be read.",
    );
  }
}
