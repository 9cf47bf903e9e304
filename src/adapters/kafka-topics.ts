import type { Admin } from "kafkajs";
import { type Priority, priorities } from "../channels/channel.ts";
import type { KafkaTelemetry } from "../telemetry-kafka.ts";
import type { KafkaSettings } from "./kafka-client.ts";

export const laneTopic = (prefix: string, lane: Priority): string => `${prefix}.${lane}`;
export const laneGroup = (prefix: string, lane: Priority): string => `${prefix}-${lane}`;
export const deadLetterTopic = (prefix: string): string => `${prefix}.dead-letters`;

export const topicsOf = (prefix: string): string[] => [
  ...priorities.map((lane) => laneTopic(prefix, lane)),
  deadLetterTopic(prefix),
];

/** Room in a stored batch for what Kafka adds to the events of a send. */
const batchOverheadBytes = 65_536;

/**
 * Creates the topics that are missing, and says where one that exists differs from the settings: more partitions
 * would deal users anew and break their order, other copies are the operator's to move. Several processes
 * may do this at once.
 */
export async function ensureTopics(
  admin: Admin,
  settings: KafkaSettings,
  telemetry: KafkaTelemetry,
): Promise<void> {
  const topics = topicsOf(settings.kafkaTopicPrefix);
  const { brokers } = await admin.describeCluster();
  const replication = Math.min(settings.kafkaReplication, brokers.length);
  const existing = new Set(await admin.listTopics());

  const missing = topics.filter((topic) => !existing.has(topic));
  if (missing.length > 0 && replication < settings.kafkaReplication) {
    telemetry.replicationReduced(settings.kafkaReplication, brokers.length);
  }
  if (missing.length > 0) {
    const made = { numPartitions: settings.kafkaPartitions, replicationFactor: replication };
    const configEntries = entriesOf(settings);
    await admin
      .createTopics({ topics: missing.map((topic) => ({ topic, ...made, configEntries })) })
      .then(() => telemetry.topicsCreated(missing, settings.kafkaPartitions, replication))
      .catch(async (error) => {
        const now = new Set(await admin.listTopics());
        if (!missing.every((topic) => now.has(topic))) throw error; // Else another process was first with some.
      });
  }

  const { topics: found } = await admin.fetchTopicMetadata({ topics });
  for (const { name, partitions } of found) {
    if (partitions.length !== settings.kafkaPartitions) {
      telemetry.topicDiffers(name, "partitions", partitions.length, settings.kafkaPartitions);
    }
    const copies = partitions[0]?.replicas.length ?? 0;
    // While a broker is away fewer are possible than set, and as many as set were made.
    if (copies !== replication && copies !== settings.kafkaReplication) {
      telemetry.topicDiffers(name, "replication", copies, replication);
    }
  }
}

/** Kept as sent: the broker does not compress anew. Old segments are deleted, never compacted by key. */
function entriesOf({ kafkaRetentionMs, kafkaBatchMaxBytes }: KafkaSettings) {
  const brokersDefaultBytes = 1_048_588;
  return [
    { name: "cleanup.policy", value: "delete" },
    { name: "compression.type", value: "producer" },
    { name: "retention.ms", value: String(kafkaRetentionMs) },
    {
      name: "max.message.bytes",
      value: String(Math.max(brokersDefaultBytes, kafkaBatchMaxBytes + batchOverheadBytes)),
    },
  ];
}
