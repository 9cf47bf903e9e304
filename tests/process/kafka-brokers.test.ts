/** A cluster of two brokers, of which one is killed. */
import { expect, test } from "bun:test";
import { priorities } from "../../src/channels/channel.ts";
import { administer } from "../adapters/kafka-world.ts";
import { testDatabase } from "../databases.ts";
import { eventually } from "../eventually.ts";
import { startService } from "../process.ts";
import { startKafka, startSecondBroker } from "../services/own-server.ts";
import { tempFolder } from "../temp-folder.ts";
import { type Client, createClient, nothingOpen } from "./client.ts";

/** Each to a user of its own, so that every partition has some; without channels, since what names the inbox needs no Kafka. */
const eachTime = 200;
const sendTo = async (client: Client, title: string) => {
  const notifications = Array.from({ length: eachTime }, (_, nth) => ({
    to: `user-${nth}`,
    title,
    body: "It works.",
    priority: priorities[nth % priorities.length],
  }));
  expect((await client.call("POST", "/v1/notifications/bulk", { notifications })).status).toBe(202);
};

test("on two brokers every topic has two copies, and what comes while one of them dies is delivered", async () => {
  // What Kafka itself keeps of groups has two copies as well, as it has three by itself in a cluster of three.
  const copies = { "offsets.topic.replication.factor": 2, "offsets.topic.num.partitions": 4 };
  await using first = await startKafka(copies);
  await using second = await startSecondBroker(first, copies);
  const brokers = `${first.url},${second.url}`;
  await using database = await testDatabase();
  await using folder = tempFolder();
  await using service = startService({
    cwd: folder.path,
    env: { DATABASE_URL: database.url, KAFKA_BROKERS: brokers, PENDING_GRACE_MS: "1000" },
  });
  await service.ready;
  const client = createClient({ url: service.url, key: service.adminKey });
  const delivered = async () => {
    await eventually(() => nothingOpen(client), { timeoutMs: 60_000 });
    const rows = await client.all<{ user_id: string; title: string }>("/v1/deliveries?status=sent");
    return rows.length;
  };

  await sendTo(client, "Both are there");
  expect(await delivered()).toBe(eachTime);
  const copiesOf = await administer(brokers, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: await admin.listTopics() });
    return topics
      .filter(({ name }) => name.startsWith("carillon"))
      .map(({ partitions }) => [
        partitions.length,
        ...new Set(partitions.map(({ replicas }) => replicas.length)),
      ]);
  });
  expect(copiesOf).toEqual(Array.from({ length: priorities.length + 1 }, () => [6, 2]));
  expect(service.stderr()).not.toContain("fewer brokers");

  await second.kill();
  await sendTo(client, "One is gone");
  const goneMs = performance.now();
  expect(await delivered()).toBe(2 * eachTime);
  console.log(
    `kafka brokers: delivered ${Math.round(performance.now() - goneMs)} ms after one of two was killed`,
  );

  await second.restart();
  await sendTo(client, "It is back");
  expect(await delivered()).toBe(3 * eachTime);
}, 180_000);
