import type { Config } from "./config.ts";
import { type Finding, fail, ok, type Result, sentence, warn } from "./doctor-finding.ts";
import { examineKafkaWork } from "./doctor-kafka-work.ts";
import { type KafkaState, lookAtKafka } from "./probes.ts";

export async function examineKafka(config: Config, brokers: string[]): Promise<Finding[]> {
  const place = `Kafka at ${brokers.join(", ")}`;
  let state: KafkaState;
  try {
    state = await lookAtKafka(config, brokers);
  } catch (error) {
    const found = sentence(`${place} cannot be used: ${(error as Error).message}`);
    const todo =
      "Start it, or correct KAFKA_BROKERS: until it answers, requests are taken and nothing is sent.";
    return [{ check: "event log", ...fail(found, todo, "kafka-down") }];
  }
  const broken = config.databaseUrl === null ? [{ check: "event log", ...withoutServer }] : [];
  return [
    { check: "event log", ...clusterOf(place, state, config) },
    ...topicsOf(state, config),
    ...broken,
    ...(state.work === null ? [] : examineKafkaWork(state.work)),
  ];
}

const withoutServer = warn(
  "KAFKA_BROKERS is set and DATABASE_URL is not: the main thread consumes, and no other process can.",
  "Set DATABASE_URL, or leave Kafka out.",
);

function clusterOf(place: string, { brokers, missing, refused }: KafkaState, config: Config): Result {
  const count = brokers === 1 ? "1 broker" : `${brokers} brokers`;
  if (refused !== null) {
    return fail(
      sentence(`${place} answers, and the topics ${missing.join(", ")} could not be made: ${refused}`),
      "Let its user make topics, or make them beforehand.",
    );
  }
  const next = missing.length === 0 ? "" : `; the start makes ${missing.length} topics`;
  if (missing.length > 0 && brokers < config.kafkaReplication) {
    return warn(
      `${place} answers, ${count}${next}, with ${brokers} instead of ${config.kafkaReplication} copies.`,
      "Fine for trying it out: what a lost broker held is published again by the sweep.",
    );
  }
  return ok(`${place} answers, ${count}${next}.`);
}

function topicsOf({ topics, brokers }: KafkaState, config: Config): Finding[] {
  const copies = Math.min(config.kafkaReplication, brokers);
  const lanes = topics.filter(({ partitions }) => partitions !== config.kafkaPartitions);
  const thin = topics.filter((topic) => topic.copies < copies);
  const named = (list: typeof topics) =>
    list
      .map(({ name }) => name)
      .sort()
      .join(", ");
  const findings = [
    ...(lanes.length === 0
      ? []
      : [
          warn(
            `KAFKA_PARTITIONS is ${config.kafkaPartitions}, and other counts of partitions stand at ${named(lanes)}.`,
            "They stay as they are: more would deal users anew. Set KAFKA_PARTITIONS to what they have.",
          ),
        ]),
    ...(thin.length === 0
      ? []
      : [
          warn(
            `KAFKA_REPLICATION is ${config.kafkaReplication}, and there are fewer copies of ${named(thin)}.`,
            "Reassign their partitions by kafka-reassign-partitions.",
          ),
        ]),
  ];
  return findings.map((result) => ({ check: "topics", ...result }));
}
