/** When what was handled is committed, and that a batch is its member's for as long as it takes. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { laneGroup, laneTopic } from "../../src/adapters/kafka-topics.ts";
import type { NotificationEvent } from "../../src/ports.ts";
import { eventually, holdsUntil } from "../eventually.ts";
import { idsOf, many } from "./event-log.contract.ts";
import { administer, type KafkaWorld, kafkaWorld } from "./kafka-world.ts";

setDefaultTimeout(60_000); // A group takes a few seconds to form where others keep the machine busy.

/** Longer than a test waits: what is committed meanwhile was not committed for that. */
const longMs = 60_000;
const count = 100;

test("so many handled events are committed before the interval is over", async () => {
  await using world = kafkaWorld();
  const threshold = 20;
  const { log, handled } = await consumeOf(world, {
    KAFKA_COMMIT_THRESHOLD: String(threshold),
    KAFKA_COMMIT_INTERVAL_MS: String(longMs),
  });
  await log.publishBuffered(many(count));
  await eventually(() => handled.length >= count);
  await eventually(async () => (await committedIn(world)) > count - threshold);
});

test("what is handled is committed with the first batch after the interval, however few there are", async () => {
  await using world = kafkaWorld();
  const { log } = await consumeOf(world, {
    KAFKA_COMMIT_THRESHOLD: "100000",
    KAFKA_COMMIT_INTERVAL_MS: "100",
  });
  await eventually(async () => {
    await log.publishBuffered(many(1));
    return (await committedIn(world)) > 0;
  });
});

test("batches that take longer than a session, as many as there may be, are handed out once and their member stays", async () => {
  await using world = kafkaWorld();
  /** The least that a broker takes by default. */
  const sessionMs = 6000;
  const { log } = world.open({}, { sessionMs, heartbeatMs: 500 });
  const handled: NotificationEvent[] = [];
  const released = Promise.withResolvers<void>();
  let begun = 0;
  await log.consume(async (batch) => {
    begun += batch.length;
    await released.promise;
    handled.push(...batch);
  });
  const events = many(count);
  await log.publishBuffered(events);
  await eventually(() => begun > 0);

  const endMs = performance.now() + 1.5 * sessionMs;
  await holdsUntil(
    () => performance.now() > endMs,
    async () => expect(await membersIn(world)).toBe(1),
    { timeoutMs: 3 * sessionMs, intervalMs: 250 },
  );
  released.resolve();
  await eventually(() => handled.length >= count);
  expect(idsOf(handled).sort()).toEqual(idsOf(events).sort());
  expect(begun).toBe(count);
});

/** A member of the group that commits nothing because it is idle, and what it has handled. */
async function consumeOf(world: KafkaWorld, env: Record<string, string>) {
  const handled: NotificationEvent[] = [];
  const { log } = world.open(env, { idleCommitMs: longMs });
  await log.consume(async (batch) => void handled.push(...batch));
  return { log, handled };
}

/** How many events of the normal lane its group will not see again. */
function committedIn(world: KafkaWorld): Promise<number> {
  return administer(world.brokers, async (admin) => {
    const [lane] = await admin.fetchOffsets({
      groupId: laneGroup(world.prefix, "normal"),
      topics: [laneTopic(world.prefix, "normal")],
    });
    // -1 where nothing was committed yet.
    return (lane?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
  });
}

/** Whom the brokers count among the consumers of the normal lane. */
function membersIn(world: KafkaWorld): Promise<number> {
  return administer(world.brokers, async (admin) => {
    const { groups } = await admin.describeGroups([laneGroup(world.prefix, "normal")]);
    return groups.flatMap(({ members }) => members).length;
  });
}
