/** The topics of the lanes: made as set where they are missing, used as they are where they exist. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { priorities } from "../../src/channels/channel.ts";
import type { NotificationEvent } from "../../src/ports.ts";
import { eventually } from "../eventually.ts";
import { eventOf } from "./event-log.contract.ts";
import { kafkaWorld } from "./kafka-world.ts";

setDefaultTimeout(30_000); // A group takes a few seconds to form where others keep the machine busy.

test("an existing topic is used as it is, and said to differ", async () => {
  await using world = kafkaWorld();
  const before = world.open({ KAFKA_PARTITIONS: "2" });
  await before.log.publishBuffered([eventOf()]);
  await eventually(async () => (await before.metric("events_published_total")) === 1);
  expect(before.lines.some(({ message }) => message.includes("fewer brokers than copies wanted"))).toBe(true);
  const { log, lines } = world.open();
  const handled: NotificationEvent[] = [];
  await log.consume(async (batch) => void handled.push(...batch));
  await eventually(() => handled.length === 1);
  expect(lines.filter(({ message }) => message.includes("another number of partitions"))).toHaveLength(5);
});

test.each([
  { batchMaxBytes: "16384", maxMessageBytes: "1048588" }, // What a broker takes unless told otherwise.
  { batchMaxBytes: "4194304", maxMessageBytes: "4259840" },
])("a topic that is made keeps events as set, and takes sends of $batchMaxBytes bytes", async (sizes) => {
  await using world = kafkaWorld();
  const { log, metric } = world.open({
    KAFKA_RETENTION_MS: "86400000",
    KAFKA_BATCH_MAX_BYTES: sizes.batchMaxBytes,
  });
  await log.publishBuffered([eventOf()]);
  await eventually(async () => (await metric("events_published_total")) === 1);
  for (const name of [...priorities, "dead-letters"]) {
    expect(await world.configurationOf(`${world.prefix}.${name}`)).toMatchObject({
      "cleanup.policy": "delete",
      "compression.type": "producer",
      "retention.ms": "86400000",
      "max.message.bytes": sizes.maxMessageBytes,
    });
  }
});
