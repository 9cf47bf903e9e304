import { z } from "zod";
import { flag, integer, oneOf, setting, text } from "./config-setting.ts";

const brokers = z.string().transform((list, context) =>
  list.split(",").map((part) => {
    const broker = part.trim();
    const port = Number(
      /^[^\s:/]+:(\d{1,5})$/.exec(broker)?.[1] ?? /^\[[0-9a-f:]+\]:(\d{1,5})$/i.exec(broker)?.[1],
    );
    if (!(port > 0 && port < 65_536)) {
      context.addIssue({ code: "custom", message: `"${broker}" is no broker such as kafka-1:9092` });
    }
    return broker;
  }),
);

/** Kafka, instead of this process's memory. Sizes and times are the guide's. */
export const kafkaSettings = {
  kafkaBrokers: setting({
    name: "KAFKA_BROKERS",
    default: null,
    unit: "host:port,…",
    sentence: "Brokers of a Kafka cluster (3.0 or newer) to begin with.",
    schema: brokers,
  }),
  kafkaTopicPrefix: setting({
    name: "KAFKA_TOPIC_PREFIX",
    default: "carillon",
    unit: "text",
    sentence:
      "Topics are <prefix>.critical, .high, .normal, .low and .dead-letters; groups begin with it, too.",
    schema: z.string().regex(/^[\w.-]{1,200}$/, "has characters that no topic can have"),
  }),
  kafkaPartitions: setting({
    name: "KAFKA_PARTITIONS",
    default: "6",
    unit: "partitions",
    sentence: "Of each lane's topic, when it is made.",
    schema: integer(1, 1000),
  }),
  kafkaReplication: setting({
    name: "KAFKA_REPLICATION",
    default: "2",
    unit: "copies",
    sentence: "Of each partition, when its topic is made; fewer where there are fewer brokers.",
    schema: integer(1, 10),
  }),
  kafkaRetentionMs: setting({
    name: "KAFKA_RETENTION_MS",
    default: "604800000",
    unit: "ms",
    sentence: "How long topics keep events, when they are made (7 days).",
    schema: integer(60_000, 31_536_000_000),
  }),
  kafkaCompression: setting({
    name: "KAFKA_COMPRESSION",
    default: "zstd",
    unit: "none, gzip, snappy, lz4, zstd",
    sentence: "How events are compressed on their way to Kafka; any of them can be read.",
    schema: oneOf("none", "gzip", "snappy", "lz4", "zstd"),
  }),
  kafkaLingerMs: setting({
    name: "KAFKA_LINGER_MS",
    default: "10",
    unit: "ms",
    sentence: "How long an event waits at most for others to be sent along with.",
    schema: integer(0, 1000),
  }),
  kafkaBufferEvents: setting({
    name: "KAFKA_BUFFER_EVENTS",
    default: "100",
    unit: "events",
    sentence: "So many waiting events of a lane are sent at once.",
    schema: integer(1, 10_000),
  }),
  kafkaBatchBytes: setting({
    name: "KAFKA_BATCH_BYTES",
    default: "16384",
    unit: "bytes",
    sentence: "So many bytes of waiting events of a lane are sent at once.",
    schema: integer(1024, 1_048_576),
  }),
  kafkaBatchMaxBytes: setting({
    name: "KAFKA_BATCH_MAX_BYTES",
    default: "1048576",
    unit: "bytes",
    sentence: "The most that one send carries.",
    schema: integer(16_384, 16_777_216),
  }),
  kafkaFetchBytes: setting({
    name: "KAFKA_FETCH_BYTES",
    default: "1048576",
    unit: "bytes",
    sentence:
      "The most that one fetch brings of a partition; a lane takes a part of it, the urgent ones the largest.",
    schema: integer(1024, 16_777_216),
  }),
  kafkaFetchWaitMs: setting({
    name: "KAFKA_FETCH_WAIT_MS",
    default: "1000",
    unit: "ms",
    sentence:
      "How long a broker holds a fetch while there is nothing to give; an event ends the wait at once.",
    schema: integer(1, 5000),
  }),
  kafkaPartitionsConcurrent: setting({
    name: "KAFKA_PARTITIONS_CONCURRENT",
    default: "3",
    unit: "partitions",
    sentence: "Partitions of a lane that a worker handles at the same time.",
    schema: integer(1, 100),
  }),
  kafkaCommitIntervalMs: setting({
    name: "KAFKA_COMMIT_INTERVAL_MS",
    default: "5000",
    unit: "ms",
    sentence: "How often offsets of what is durable are committed at least.",
    schema: integer(100, 60_000),
  }),
  kafkaCommitThreshold: setting({
    name: "KAFKA_COMMIT_THRESHOLD",
    default: "100",
    unit: "events",
    sentence: "After so many events they are committed before the interval is over.",
    schema: integer(1, 1_000_000),
  }),
  kafkaSsl: setting({
    name: "KAFKA_SSL",
    default: "0",
    unit: "0 or 1",
    sentence: "Whether brokers are spoken to by TLS.",
    schema: flag,
  }),
  kafkaSaslMechanism: setting({
    name: "KAFKA_SASL_MECHANISM",
    default: null,
    unit: "plain, scram-sha-256, scram-sha-512",
    sentence: "How to log in to the brokers.",
    schema: oneOf("plain", "scram-sha-256", "scram-sha-512"),
  }),
  kafkaSaslUsername: setting({
    name: "KAFKA_SASL_USERNAME",
    default: null,
    unit: "text",
    sentence: "As whom.",
    schema: text,
  }),
  kafkaSaslPassword: setting({
    name: "KAFKA_SASL_PASSWORD",
    default: null,
    unit: "text",
    sentence: "With which password.",
    schema: text,
    secret: true,
  }),
  workers: setting({
    name: "WORKERS",
    default: null,
    unit: "threads",
    sentence:
      "Threads that consume Kafka, plan and send: if not set, one less than the cores, but one. Without Kafka, with the embedded database, or with 0, the main thread does it.",
    schema: integer(0, 64),
  }),
};
