/** A part of the shared Kafka cluster for one test: topics and groups with a prefix that nobody else has. */
import { type Admin, ConfigResourceTypes, Kafka, logLevel } from "kafkajs";
import { Registry } from "prom-client";
import { createKafkaEventLog } from "../../src/adapters/event-log-kafka.ts";
import { type KafkaBounds, kafkaBounds } from "../../src/adapters/kafka-bounds.ts";
import { readConfig } from "../../src/config.ts";
import type { EventLog } from "../../src/ports.ts";
import { createKafkaTelemetry } from "../../src/telemetry-kafka.ts";

export interface LogLine {
  level: string;
  message: string;
}

/** An event log with what it counts and says. */
export interface WatchedLog {
  log: EventLog;
  lines: LogLine[];
  /** The sum of a metric's values over all labels that are not given; its name without `carillon_kafka_`. */
  metric(name: string, labels?: Record<string, string>): Promise<number>;
}

export interface KafkaWorld extends AsyncDisposable {
  prefix: string;
  brokers: string;
  /** A further log on the same topics; closed with the world. */
  open(env?: Record<string, string>, bounds?: Partial<KafkaBounds>, seat?: string): WatchedLog;
  deleteTopic(topic: string): Promise<void>;
  /** Changes what a topic is configured with. */
  configure(topic: string, entries: Record<string, string>): Promise<void>;
  /** What a topic is configured with, by itself or by the cluster. */
  configurationOf(topic: string): Promise<Record<string, string>>;
  /** What was put aside so far. */
  deadLetters(): Promise<{ payload: string; headers: Record<string, string> }[]>;
}

/** @throws Error where TEST_KAFKA_BROKERS names none */
export function sharedBrokers(): string {
  const brokers = Bun.env.TEST_KAFKA_BROKERS;
  if (brokers === undefined)
    throw new Error("set TEST_KAFKA_BROKERS, the address of a Kafka broker for tests");
  return brokers;
}

/** @param own brokers that the test has for itself, or that are not there: nothing is removed from them */
export function kafkaWorld(own?: string): KafkaWorld {
  const brokers = own ?? sharedBrokers();
  const prefix = `test-${Bun.randomUUIDv7()}`;
  const opened: EventLog[] = [];
  return {
    prefix,
    brokers,
    open(env = {}, bounds = {}, seat = Bun.randomUUIDv7()) {
      const watched = watchedLog(
        { KAFKA_BROKERS: brokers, KAFKA_TOPIC_PREFIX: prefix, KAFKA_FETCH_WAIT_MS: "100", ...env },
        { ...kafkaBounds, lagPollMs: 100, ...bounds },
        seat,
      );
      opened.push(watched.log);
      return watched;
    },
    deleteTopic: (topic) => deleteTopics(brokers, topic),
    configure: (topic, entries) =>
      administer(brokers, async (admin) => {
        const configEntries = Object.entries(entries).map(([name, value]) => ({ name, value }));
        const resource = { type: ConfigResourceTypes.TOPIC, name: topic, configEntries };
        await admin.alterConfigs({ validateOnly: false, resources: [resource] });
      }),
    configurationOf: (topic) =>
      administer(brokers, async (admin) => {
        const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
        const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [resource] });
        const entries = resources.flatMap(({ configEntries }) => configEntries);
        return Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]));
      }),
    async deadLetters() {
      const lines = await kcat(brokers, ["-C", "-e", "-q", "-J", "-t", `${prefix}.dead-letters`]);
      return lines
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { headers: string[]; payload: string })
        .map(({ headers, payload }) => ({ payload, headers: pairsOf(headers) }));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((log) => log.close()));
      if (own === undefined) await deleteTopics(brokers, prefix);
    },
  };
}

function watchedLog(env: Record<string, string>, bounds: KafkaBounds, seat: string): WatchedLog {
  const { config, faults } = readConfig(env);
  if (faults.length > 0) throw new Error(faults.map(({ detail }) => detail).join("; "));
  const registry = new Registry();
  const lines: LogLine[] = [];
  const telemetry = createKafkaTelemetry({
    registry,
    log: (level, message, fields) => lines.push({ level, message: `${message} ${JSON.stringify(fields)}` }),
  });
  const kafkaBrokers = config.kafkaBrokers ?? [];
  return {
    log: createKafkaEventLog({ ...config, kafkaBrokers }, telemetry, seat, bounds),
    lines,
    async metric(name, labels = {}) {
      const [metricName = ""] = /^[a-z_]+?(?=_(sum|count)$|$)/.exec(name) ?? [];
      const metric = await registry.getSingleMetric(`carillon_kafka_${metricName}`)?.get();
      if (metric === undefined) throw new Error(`no metric ${name}`);
      return metric.values
        .filter((value) => !("metricName" in value) || value.metricName === `carillon_kafka_${name}`)
        .filter((value) => Object.entries(labels).every(([key, wanted]) => value.labels[key] === wanted))
        .reduce((sum, { value }) => sum + value, 0);
    },
  };
}

function deleteTopics(brokers: string, prefix: string): Promise<void> {
  return administer(brokers, async (admin) => {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
    if (topics.length > 0) await admin.deleteTopics({ topics });
  });
}

/** Asks the brokers by a client that is the test's own. */
export async function administer<T>(brokers: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING }).admin();
  try {
    await admin.connect();
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

function pairsOf(list: string[]): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (let at = 0; at + 1 < list.length; at += 2) pairs[list[at] ?? ""] = list[at + 1] ?? "";
  return pairs;
}

/** Another client, librdkafka's: runs kcat with its standard input. @throws Error with what it printed */
export async function kcat(brokers: string, args: string[], input = ""): Promise<string> {
  const child = Bun.spawn([Bun.env.TEST_KCAT ?? "kcat", "-b", brokers, ...args], {
    stdin: Buffer.from(input),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, complaint, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(`kcat ended with ${code}: ${complaint}`);
  return out;
}
