/** The topics of the lanes: made as set where they are missing, used as they are where they exist. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { priorities } from "../../src/channels/channel.ts";
import type { EventLog, NotificationEvent } from "../../src/ports.ts";
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

/** What is published and not handled by now is published again, as the sweep does. */
const untilAllHandled = (log: EventLog, events: NotificationEvent[], handled: Set<string>) =>
  eventually(
    async () => {
      const left = events.filter(({ id }) => !handled.has(id));
      if (left.length > 0) await log.publishBuffered(left);
      return left.length === 0;
    },
    { timeoutMs: 25_000, intervalMs: 500 },
  );

async function consuming(log: EventLog): Promise<Set<string>> {
  const handled = new Set<string>();
  await log.consume(async (batch) => {
    for (const { id } of batch) handled.add(id);
  });
  return handled;
}

test("a topic that is deleted while it is used is made again", async () => {
  await using world = kafkaWorld();
  const { log } = world.open({ KAFKA_RETENTION_MS: "86400000" });
  const handled = await consuming(log);
  await untilAllHandled(log, [eventOf()], handled);
  await world.deleteTopic(`${world.prefix}.normal`);
  await untilAllHandled(log, [eventOf(), eventOf("normal", "bob")], handled);
  expect(await world.configurationOf(`${world.prefix}.normal`)).toMatchObject({ "retention.ms": "86400000" });
});

test("a topic that takes less at once than is sent gets it in smaller batches", async () => {
  await using world = kafkaWorld();
  const { log } = world.open();
  const handled = await consuming(log);
  await untilAllHandled(log, [eventOf()], handled);
  await world.configure(`${world.prefix}.normal`, { "max.message.bytes": "2000" });
  const many = Array.from({ length: 3000 }, (_, nth) => eventOf("normal", `user-${nth}`));
  await untilAllHandled(log, many, handled);
});

test("brokers that answer and take nothing are a fault until they take something", async () => {
  await using world = kafkaWorld();
  const { log, lines } = world.open();
  const handled = await consuming(log);
  await untilAllHandled(log, [eventOf()], handled);
  const ends = () => lines.filter(({ message }) => message.includes("can be used again")).length;
  const before = ends();
  await world.configure(`${world.prefix}.normal`, { "max.message.bytes": "10" });
  for (let nth = 0; nth < 3; nth += 1) {
    const lost = log.lost();
    await log.publishBuffered([eventOf()]);
    await eventually(() => log.lost() > lost, { timeoutMs: 20_000 });
    expect(log.fault()).toContain("normal");
  }
  expect(ends()).toBe(before);
  await world.configure(`${world.prefix}.normal`, { "max.message.bytes": "1048588" });
  await untilAllHandled(log, [eventOf()], handled);
  expect(log.fault()).toBeNull();
}, 90_000);
