/** A process that consumes until it is killed: `bun kafka-member.ts <settings> <bounds> [<seat>]`; it says when it has partitions. */
import { Registry } from "prom-client";
import { createKafkaEventLog } from "../../src/adapters/event-log-kafka.ts";
import { kafkaBounds } from "../../src/adapters/kafka-bounds.ts";
import { seatOf } from "../../src/adapters/kafka-seats.ts";
import { readConfig } from "../../src/config.ts";
import { createKafkaTelemetry } from "../../src/telemetry-kafka.ts";
import { eventually } from "../eventually.ts";

const [env = "{}", bounds = "{}", seat = seatOf(0)] = process.argv.slice(2);
const { config } = readConfig(JSON.parse(env));
const registry = new Registry();
const telemetry = createKafkaTelemetry({ registry, log: () => {} });
const settings = { ...config, kafkaBrokers: config.kafkaBrokers ?? [] };
const log = createKafkaEventLog(settings, telemetry, seat, { ...kafkaBounds, ...JSON.parse(bounds) });
await log.consume(async () => {});
await eventually(async () => {
  const { values = [] } = (await registry.getSingleMetric("carillon_kafka_partitions_assigned")?.get()) ?? {};
  return values.length > 0 && values.every(({ value }) => value > 0);
});
console.log("joined");
