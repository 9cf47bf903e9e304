import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { encodeEvent, keyOf } from "../../src/adapters/kafka-events.ts";
import { priorities } from "../../src/channels/channel.ts";
import { EventsRefused, type NotificationEvent } from "../../src/ports.ts";
import { eventually } from "../eventually.ts";
import { eventLogContract, eventOf, idsOf, orderByUser } from "./event-log.contract.ts";
import { kafkaWorld, kcat } from "./kafka-world.ts";

setDefaultTimeout(30_000); // A group takes a few seconds to form where others keep the machine busy.

eventLogContract("Kafka", async () => {
  const world = kafkaWorld();
  return { log: world.open().log, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
});

const many = (count: number, users = 20) =>
  Array.from({ length: count }, (_, index) => eventOf("normal", `user-${index % users}`));

describe("another client", () => {
  test.each(["none", "gzip", "snappy", "lz4", "zstd"])(
    "reads what we write with %s, and we read it",
    async (codec) => {
      await using world = kafkaWorld();
      const { log, metric } = world.open({ KAFKA_COMPRESSION: codec });
      const events = many(2000);
      expect(await log.publishBuffered(events)).toBe(events.length);
      await eventually(async () => (await metric("events_published_total")) === events.length);

      const topic = `${world.prefix}.normal`;
      const read = await kcat(world.brokers, [
        "-C",
        "-e",
        "-q",
        "-t",
        topic,
        "-o",
        "beginning",
        "-f",
        "%k\t%s\n",
      ]);
      expect(read.trim().split("\n").sort()).toEqual(
        events.map((event) => `${keyOf(event)}\t${encodeEvent(event)}`).sort(),
      );

      await kcat(world.brokers, ["-P", "-t", `${world.prefix}.high`, "-z", codec, "-K", "\t"], read);
      const handled: NotificationEvent[] = [];
      await log.consume(async (batch, lane) => {
        if (lane === "high") handled.push(...batch);
      });
      await eventually(() => handled.length >= events.length);
      expect(orderByUser(handled)).toEqual(orderByUser(events));
    },
  );
});

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

test("what comes at once goes out in few sends", async () => {
  await using world = kafkaWorld();
  const { log, metric } = world.open();
  await log.publishBuffered(many(1000));
  await eventually(async () => (await metric("events_published_total")) === 1000);
  expect(await metric("send_events_count")).toBe(1);
});

test("a single event does not wait for others longer than the linger", async () => {
  await using world = kafkaWorld();
  const { log, metric } = world.open({ KAFKA_LINGER_MS: "0" });
  await log.publishBuffered([eventOf()]);
  await log.publishBuffered([eventOf()]);
  await eventually(async () => (await metric("events_published_total")) === 2);
});

test("a full buffer takes what it has room for, and says how much that was", async () => {
  await using world = kafkaWorld("127.0.0.1:1");
  const { log, metric } = world.open({}, { bufferEvents: 10 });
  expect(await log.publishBuffered(many(8))).toBe(8);
  expect(await log.publishBuffered(many(8))).toBe(2);
  expect(await metric("events_refused_total")).toBe(6);
  expect(log.backlog().normal).toBe(10);
  await eventually(() => log.fault());
});

test("while the buffer is full, publishing waits for room, and the order stays", async () => {
  await using world = kafkaWorld();
  const { log } = world.open({}, { bufferEvents: 500, roomWaitMs: 10_000 });
  const events = many(20_000);
  const calls: Promise<number>[] = [];
  for (let at = 0; at < events.length; at += 100) {
    calls.push(log.publishBuffered(events.slice(at, at + 100)));
    await new Promise(setImmediate);
  }
  expect(await Promise.all(calls)).toEqual(calls.map(() => 100));
  const handled: NotificationEvent[] = [];
  await log.consume(async (batch) => void handled.push(...batch));
  await eventually(() => handled.length >= events.length);
  expect(orderByUser(handled)).toEqual(orderByUser(events));
});

test("what was handled is not handed out again after a close, what was not is", async () => {
  await using world = kafkaWorld();
  const first = world.open();
  const early = many(50);
  const handled: NotificationEvent[] = [];
  await first.log.consume(async (batch) => void handled.push(...batch));
  await first.log.publishBuffered(early);
  await eventually(() => handled.length === early.length);
  await first.log.close();

  const second = world.open();
  const late = many(50);
  const handledLater: NotificationEvent[] = [];
  await second.log.publishBuffered(late);
  await second.log.consume(async (batch) => void handledLater.push(...batch));
  await eventually(() => handledLater.length >= late.length);
  expect(idsOf(handledLater).sort()).toEqual(idsOf(late).sort());
});

test("what was not handled when its log is closed is handed out by the next", async () => {
  await using world = kafkaWorld();
  const first = world.open({ KAFKA_COMMIT_INTERVAL_MS: "100", KAFKA_COMMIT_THRESHOLD: "1" });
  const events = many(50);
  await first.log.consume(async () => {
    throw new Error("the database is away");
  });
  await first.log.publishBuffered(events);
  // Three partitions are handled at a time: each was tried, and tried again.
  await eventually(async () => (await first.metric("handlings_failed_total")) > 2 * 3);
  await first.log.close();

  const second = world.open();
  const handled: NotificationEvent[] = [];
  await second.log.consume(async (batch) => void handled.push(...batch));
  await eventually(() => handled.length >= events.length);
  expect(idsOf(handled).sort()).toEqual(idsOf(events).sort());
});

test("members that come and go lose nothing, and keep each user's order", async () => {
  await using world = kafkaWorld();
  const handled: NotificationEvent[] = [];
  const handle = async (batch: NotificationEvent[]) => {
    await new Promise(setImmediate);
    handled.push(...batch);
  };
  const first = world.open({}, { heartbeatMs: 200 });
  await first.log.consume(handle);
  const events: NotificationEvent[] = [];
  let done = false;
  const publishing = (async () => {
    while (!done) {
      const batch = many(200);
      expect(await first.log.publishBuffered(batch)).toBe(batch.length);
      events.push(...batch);
      await eventually(() => handled.length > events.length - 2000);
    }
  })();
  await eventually(() => handled.length > 0);

  const second = world.open({}, { heartbeatMs: 200 });
  await second.log.consume(handle);
  await eventually(async () => (await second.metric("partitions_assigned", { lane: "normal" })) === 3);
  const before = await second.metric("events_consumed_total");
  await eventually(async () => (await second.metric("events_consumed_total")) > before);
  await second.log.close();
  await eventually(async () => (await first.metric("partitions_assigned", { lane: "normal" })) === 6);
  done = true;
  await publishing;
  await eventually(() => new Set(idsOf(handled)).size >= events.length);
  expect(orderByUser(handled)).toEqual(orderByUser(events));
});

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
