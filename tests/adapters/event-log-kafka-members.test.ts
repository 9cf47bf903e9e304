/** Logs of one group that follow one another, or come and go beside one another, lose nothing. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { seatOf } from "../../src/adapters/kafka-seats.ts";
import type { NotificationEvent } from "../../src/ports.ts";
import { eventually } from "../eventually.ts";
import { idsOf, many, orderByUser } from "./event-log.contract.ts";
import { type KafkaWorld, kafkaWorld, type WatchedLog } from "./kafka-world.ts";

setDefaultTimeout(30_000); // A group takes a few seconds to form where others keep the machine busy.

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

/** Whoever waits for its end does so for longer than a test may take. */
const longSession = { sessionMs: 300_000, heartbeatMs: 200 };

test.each([
  ["the seat", "seat", "seat"],
  ["another seat on the host", undefined, seatOf(0)],
])("who takes %s of one that was killed consumes at once", async (_, theirs, ours) => {
  await using world = kafkaWorld();
  await using member = await startMember(world, theirs);
  await member.kill();

  const next = world.open({}, {}, ours);
  const handled: NotificationEvent[] = [];
  await next.log.consume(async (batch) => void handled.push(...batch));
  const events = many(50);
  await next.log.publishBuffered(events);
  await eventually(() => handled.length >= events.length);
  expect(idsOf(handled).sort()).toEqual(idsOf(events).sort());
  expect(takeOvers(next)).toHaveLength(4);
});

/** Beyond what Linux gives a process. */
const noPid = 4_194_305;

test.each([
  ["another seat on the host", undefined, seatOf(0)],
  ["a seat on another host", `carillon-elsewhere-${noPid}-0`, seatOf(0)],
])("who takes %s of one that is alive takes nobody out", async (_, theirs, ours) => {
  await using world = kafkaWorld();
  await using _member = await startMember(world, theirs);
  const next = world.open({}, { heartbeatMs: 200 }, ours);
  await next.log.consume(async () => {});
  await eventually(async () => (await next.metric("partitions_assigned")) === 12);
  expect(takeOvers(next)).toEqual([]);
});

const takeOvers = ({ lines }: WatchedLog) =>
  lines.filter(({ message }) => message.startsWith("took consumers out"));

/** A process that has joined all groups. */
async function startMember({ brokers, prefix }: KafkaWorld, seat?: string) {
  const env = { KAFKA_BROKERS: brokers, KAFKA_TOPIC_PREFIX: prefix };
  const given = [JSON.stringify(env), JSON.stringify(longSession), ...(seat === undefined ? [] : [seat])];
  const command = [process.execPath, join(import.meta.dir, "kafka-member.ts"), ...given];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  const kill = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
  for await (const chunk of child.stdout) if (Buffer.from(chunk).includes("joined")) break;
  return { kill, [Symbol.asyncDispose]: kill };
}
