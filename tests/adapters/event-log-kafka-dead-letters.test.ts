/** What can never be handled is put aside with its reason, and holds up nothing. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { encodeEvent } from "../../src/adapters/kafka-events.ts";
import { priorities } from "../../src/channels/channel.ts";
import { EventsRefused, type NotificationEvent } from "../../src/ports.ts";
import { eventually } from "../eventually.ts";
import { eventOf, idsOf } from "./event-log.contract.ts";
import { kafkaWorld, kcat } from "./kafka-world.ts";

setDefaultTimeout(30_000); // A group takes a few seconds to form where others keep the machine busy.

test("a message that cannot be read is put aside with its reason, and holds up no lane", async () => {
  await using world = kafkaWorld();
  const { log, metric } = world.open();
  const good = priorities.map((lane) => eventOf(lane));
  await log.publishBuffered(good);
  await eventually(async () => (await metric("events_published_total")) === 4);
  const bad = {
    critical: "{",
    high: JSON.stringify({ ...JSON.parse(encodeEvent(eventOf("high"))), v: 99 }),
    normal: JSON.stringify({ ...JSON.parse(encodeEvent(eventOf())), userId: 7 }),
    low: JSON.stringify({ ...JSON.parse(encodeEvent(eventOf("low"))), userId: "an\0a" }),
  };
  for (const lane of priorities) {
    await kcat(world.brokers, ["-P", "-t", `${world.prefix}.${lane}`, "-p", "3"], `${bad[lane]}\n`);
  }

  const handled: NotificationEvent[] = [];
  await log.consume(async (batch) => void handled.push(...batch));
  await eventually(async () => (await metric("dead_letters_total")) === 4 && handled.length === 4);
  expect(idsOf(handled).sort()).toEqual(idsOf(good).sort());

  const found = await world.deadLetters();
  for (const lane of priorities) {
    expect(found).toContainEqual({
      payload: bad[lane],
      headers: expect.objectContaining({
        reason: {
          critical: "not JSON",
          high: "unknown version",
          normal: "wrong fields",
          low: "wrong fields",
        }[lane],
        "original-topic": `${world.prefix}.${lane}`,
        "original-partition": "3",
        "original-offset": expect.stringMatching(/^\d+$/),
      }),
    });
  }
  await eventually(() => Object.values(log.backlog()).every((events) => events === 0));
});

test("an event that its handler refuses is put aside as it was, with the reason, and holds up nothing", async () => {
  await using world = kafkaWorld();
  const { log, metric } = world.open({ KAFKA_PARTITIONS: "1" });
  const [before, bad, after] = [eventOf(), eventOf(), eventOf()];
  await log.publishBuffered([before, bad, after]);
  await log.consume(async (batch) => {
    const event = batch.find(({ id }) => id === bad.id);
    if (event) throw new EventsRefused([{ event, why: "no such project" }]);
  });
  await eventually(async () => (await metric("dead_letters_total", { reason: "refused" })) === 1);
  await eventually(() => log.backlog().normal === 0);
  expect(await metric("events_consumed_total")).toBe(2);
  expect(await world.deadLetters()).toEqual([
    {
      payload: encodeEvent(bad),
      headers: {
        reason: "refused",
        detail: "no such project",
        "original-topic": `${world.prefix}.normal`,
        "original-partition": "0",
        "original-offset": "1",
      },
    },
  ]);
});

test("what is too large to be put aside as it was is put aside by its beginning, and what is only together, as it was", async () => {
  await using world = kafkaWorld();
  const { log, metric } = world.open({ KAFKA_COMPRESSION: "none", KAFKA_PARTITIONS: "1" });
  await log.publishBuffered([eventOf()]);
  await eventually(async () => (await metric("events_published_total")) === 1);
  await world.configure(`${world.prefix}.dead-letters`, { "max.message.bytes": "8000" });
  const small = ["a", "b", "c"].map((letter) => letter.repeat(4000));
  const large = "x".repeat(20_000);
  await kcat(world.brokers, ["-P", "-t", `${world.prefix}.normal`], [...small, large].join("\n"));
  const handled: NotificationEvent[] = [];
  await log.consume(async (batch) => void handled.push(...batch));
  await eventually(async () => (await metric("dead_letters_total")) === 4);
  const after = eventOf();
  await log.publishBuffered([after]);
  await eventually(() => idsOf(handled).includes(after.id));

  const letters = await world.deadLetters();
  expect(letters.map(({ payload }) => payload).sort()).toEqual([...small, large.slice(0, 4096)]);
  const { headers } = letters.find(({ payload }) => payload.startsWith("x")) ?? {};
  expect(headers).toMatchObject({
    reason: "not JSON",
    "original-bytes": "20000",
    "original-topic": `${world.prefix}.normal`,
    "original-offset": "4",
  });
});

test("a message that cannot be put aside is not lost: it is tried again", async () => {
  await using world = kafkaWorld();
  const { log, metric } = world.open();
  await log.publishBuffered([eventOf()]);
  await eventually(async () => (await metric("events_published_total")) === 1);
  const deadLetters = `${world.prefix}.dead-letters`;
  await world.deleteTopic(deadLetters);
  await kcat(world.brokers, ["-P", "-t", `${world.prefix}.high`], "{\n");

  await log.consume(async () => {});
  await eventually(async () => (await metric("handlings_failed_total", { lane: "high" })) > 0);
  expect(await metric("dead_letters_total")).toBe(0);
  world.open(); // Creates what is missing.
  await eventually(async () => (await metric("dead_letters_total")) === 1, { timeoutMs: 20_000 });
  expect((await kcat(world.brokers, ["-C", "-e", "-q", "-t", deadLetters])).trim()).toBe("{");
});
