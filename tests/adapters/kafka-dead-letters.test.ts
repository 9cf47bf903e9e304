import { expect, setDefaultTimeout, test } from "bun:test";
import type { Producer } from "kafkajs";
import { Registry } from "prom-client";
import { kafkaBounds } from "../../src/adapters/kafka-bounds.ts";
import { createKafkaClient } from "../../src/adapters/kafka-client.ts";
import { createDeadLetters, type DeadLetter } from "../../src/adapters/kafka-dead-letters.ts";
import { loadConfig } from "../../src/config.ts";
import { createKafkaTelemetry } from "../../src/telemetry-kafka.ts";
import { eventually } from "../eventually.ts";
import { eventOf } from "./event-log.contract.ts";
import { kafkaWorld } from "./kafka-world.ts";

setDefaultTimeout(30_000);

const letter: DeadLetter = {
  topic: "somewhere",
  partition: 0,
  message: { key: null, value: Buffer.from("{"), timestamp: "0", attributes: 0, offset: "7", headers: {} },
  reason: "not JSON",
  detail: "",
};

test("two first letters at once share a connection, and none is left when it is closed", async () => {
  await using world = kafkaWorld();
  const { log, metric } = world.open({ KAFKA_PARTITIONS: "1" }); // Makes the topics.
  await log.publishBuffered([eventOf()]);
  await eventually(async () => (await metric("events_published_total")) === 1);
  const config = loadConfig({ KAFKA_BROKERS: world.brokers, KAFKA_TOPIC_PREFIX: world.prefix });
  const settings = { ...config, kafkaBrokers: [world.brokers] };
  const telemetry = createKafkaTelemetry({ registry: new Registry(), log: () => {} });
  const kafka = createKafkaClient(settings, kafkaBounds, telemetry);
  const open = new Set<Producer>();
  let made = 0;
  const makeProducer = kafka.producer.bind(kafka);
  kafka.producer = (options) => {
    const producer = makeProducer(options);
    made += 1;
    producer.on(producer.events.CONNECT, () => open.add(producer));
    producer.on(producer.events.DISCONNECT, () => open.delete(producer));
    return producer;
  };
  const deadLetters = createDeadLetters(kafka, settings);

  await Promise.all([deadLetters.put([letter]), deadLetters.put([letter])]);
  expect(made).toBe(1);
  expect(await world.deadLetters()).toHaveLength(2);
  await deadLetters.close();
  expect(open.size).toBe(0);
});
