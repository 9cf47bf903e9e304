import type { Admin } from "kafkajs";
import { type Priority, priorities } from "../channels/channel.ts";
import type { KafkaTelemetry } from "../telemetry-kafka.ts";
import { kafkaBounds } from "./kafka-bounds.ts";
import { createKafkaClient, type KafkaSettings } from "./kafka-client.ts";
import { fetchLag } from "./kafka-lag.ts";
import { deadLetterTopic, laneGroup, topicsOf } from "./kafka-topics.ts";

export interface KafkaState {
  /** Brokers of the cluster. */
  brokers: number;
  /** Those of our topics that are there. */
  topics: { name: string; partitions: number; copies: number }[];
  /** Those that a start makes. */
  missing: string[];
  /** Why it could not make them; null where it could. */
  refused: string | null;
  /** What is in them; null where some are missing. */
  work: KafkaWork | null;
}

export interface KafkaWork {
  /** Of each lane, events that are not handled yet, and who consumes it. */
  lanes: { lane: Priority; lag: number; members: number }[];
  /** Messages that were put aside and are still kept. */
  deadLetters: number;
}

/** Nobody wants to wait here for a broker that is being restarted. */
const bounds = { ...kafkaBounds, connectMs: 3000, requestMs: 5000, retries: 1 };

/**
 * Looks at a cluster and its topics, and changes nothing.
 *
 * @throws Error that says why no broker can be used
 */
export async function probeKafka(settings: KafkaSettings, telemetry: KafkaTelemetry): Promise<KafkaState> {
  const admin = createKafkaClient(settings, bounds, telemetry).admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    const existing = new Set(await admin.listTopics());
    const ours = topicsOf(settings.kafkaTopicPrefix);
    const found = ours.filter((topic) => existing.has(topic));
    const missing = ours.filter((topic) => !existing.has(topic));
    const { topics } = found.length > 0 ? await admin.fetchTopicMetadata({ topics: found }) : { topics: [] };
    return {
      brokers: brokers.length,
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.length,
        copies: partitions[0]?.replicas.length ?? 0,
      })),
      missing,
      refused: missing.length === 0 ? null : await whyRefused(),
      work: missing.length === 0 ? await workIn(admin, settings.kafkaTopicPrefix) : null,
    };

    /** Asks for it without having it done. */
    async function whyRefused(): Promise<string | null> {
      const shape = {
        numPartitions: settings.kafkaPartitions,
        replicationFactor: Math.min(settings.kafkaReplication, brokers.length),
      };
      try {
        await admin.createTopics({
          validateOnly: true,
          waitForLeaders: false,
          topics: missing.map((topic) => ({ topic, ...shape })),
        });
        return null;
      } catch (error) {
        const { errors } = error as { errors?: Error[] };
        return (errors?.[0] ?? (error as Error)).message;
      }
    }
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

async function workIn(admin: Admin, prefix: string): Promise<KafkaWork> {
  const [lags, { groups }, letters] = await Promise.all([
    fetchLag(admin, prefix),
    admin.describeGroups(priorities.map((lane) => laneGroup(prefix, lane))),
    admin.fetchTopicOffsets(deadLetterTopic(prefix)),
  ]);
  return {
    lanes: priorities.map((lane) => ({
      lane,
      lag: lags[lane],
      members: groups.find(({ groupId }) => groupId === laneGroup(prefix, lane))?.members.length ?? 0,
    })),
    deadLetters: letters.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0),
  };
}
