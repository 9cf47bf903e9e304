/** A process with workers tells one story: what its threads count is added up, what they all know is told once. */
import { expect, test } from "bun:test";
import { Redis } from "ioredis";
import { eventually } from "../eventually.ts";
import { newAdminKey, startService } from "../process.ts";
import { openStack } from "../stacks.ts";
import { tempFolder } from "../temp-folder.ts";
import { createClient, nothingOpen } from "./client.ts";

test("/metrics adds up what the threads did, and does not add up what they know of one server", async () => {
  await using stack = await openStack("PostgreSQL, Redis and Kafka");
  await using folder = tempFolder();
  const key = newAdminKey();
  const env = { ...stack.env, WORKERS: "2", ADMIN_KEY: key, DATABASE_POOL_MAX: "4", DATABASE_POOL_MIN: "1" };
  await using service = startService({ cwd: folder.path, env });
  await service.ready;
  const client = createClient({ url: service.url, key });
  const figures = async () => readFigures(await (await fetch(`${service.url}/metrics`)).text());
  // Both workers consume: each has a partition of each lane's two.
  await eventually(
    async () => {
      const { sum } = await figures();
      return sum("carillon_kafka_partitions_assigned") === 8 && sum("carillon_kafka_reachable") === 1;
    },
    { timeoutMs: 30_000 },
  );

  const users = Array.from({ length: 60 }, (_, nth) => `user-${nth}`);
  await Promise.all(users.map((to) => client.send({ to, title: "Hello", body: "It works." })));
  await eventually(() => nothingOpen(client), { timeoutMs: 30_000 });

  const { sum, values } = await figures();
  expect(sum("carillon_notifications_accepted_total")).toBe(users.length);
  expect(sum("carillon_kafka_events_published_total")).toBe(users.length);
  expect(sum("carillon_kafka_events_consumed_total")).toBe(users.length);
  expect(sum('carillon_notifications_sent_total{channel="inbox"')).toBe(users.length);
  expect(values("carillon_kafka_reachable")).toEqual([1]);
  expect(values("carillon_redis_circuit_open")).toEqual([0]);
  expect(values("carillon_redis_replica_used")).toEqual([0]);
  expect(sum("carillon_database_connections_max")).toBe(3 * 4);
  const own = await ownFigures(stack.env.REDIS_URL ?? "");
  expect(sum("carillon_redis_memory_bytes")).toBeWithin(0.5 * own.memoryBytes, 1.5 * own.memoryBytes);
  expect(sum("carillon_redis_evicted_keys")).toBe(own.evictedKeys);
  await eventually(async () => (await figures()).sum("carillon_kafka_lag") === 0);
}, 90_000);

/** The values of a metric by the beginning of its line. */
function readFigures(text: string) {
  const values = (start: string) =>
    text
      .split("\n")
      .filter((line) => line.startsWith(`${start} `) || (line.startsWith(start) && line.includes("{")))
      .map((line) => Number(line.slice(line.lastIndexOf(" "))));
  return { values, sum: (start: string) => values(start).reduce((total, value) => total + value, 0) };
}

async function ownFigures(url: string) {
  const redis = new Redis(url);
  try {
    const info = await redis.info();
    const numberOf = (field: string) => Number(new RegExp(`^${field}:(\\d+)`, "m").exec(info)?.[1]);
    return { memoryBytes: numberOf("used_memory"), evictedKeys: numberOf("evicted_keys") };
  } finally {
    redis.disconnect();
  }
}
