/** What several threads' gauges come to in /metrics. */
import { expect, test } from "bun:test";
import { type Priority, priorities } from "../src/channels/channel.ts";
import { createTelemetry } from "../src/telemetry.ts";
import { type CacheFigures, createCacheTelemetry } from "../src/telemetry-cache.ts";
import { createKafkaTelemetry, type KafkaGauges } from "../src/telemetry-kafka.ts";

const everyLane = (events: number) =>
  Object.fromEntries(priorities.map((lane) => [lane, events])) as Record<Priority, number>;

/** A thread that sees all well and has nothing to do, but for what is given. */
function threadThat({
  kafka = {},
  redis = {},
}: {
  kafka?: Partial<KafkaGauges>;
  redis?: Partial<CacheFigures>;
}) {
  const telemetry = createTelemetry({ level: "error", write: () => {} });
  createKafkaTelemetry(telemetry).watch({
    buffered: () => ({ events: 0, bytes: 0 }),
    backlog: () => everyLane(0),
    partitions: () => 0,
    fault: () => null,
    ...kafka,
  });
  createCacheTelemetry({ ...telemetry, names: [] }).watch({
    circuitOpen: () => false,
    replicaUsed: () => true,
    pool: () => ({ size: 2, used: 1, waiting: 0 }),
    pendingInvalidations: () => 0,
    info: async () => "used_memory:1000\r\nevicted_keys:7\r\n",
    ...redis,
  });
  return telemetry;
}

async function mergedOf(...[main, ...workers]: ReturnType<typeof threadThat>[]): Promise<string> {
  const others = await Promise.all(workers.map(({ registry }) => registry.getMetricsAsJSON()));
  return (await main?.metrics(others)) ?? "";
}

test("the lag of all lanes, which one thread asks for and others know a part of, is counted once", async () => {
  const merged = await mergedOf(
    threadThat({ kafka: { backlog: () => everyLane(10) } }),
    threadThat({ kafka: { backlog: () => everyLane(6), partitions: () => 2 } }),
    threadThat({ kafka: { backlog: () => everyLane(4), partitions: () => 1 } }),
  );
  expect(merged).toContain('\ncarillon_kafka_lag{lane="normal"} 10\n');
  expect(merged).toContain('\ncarillon_kafka_partitions_assigned{lane="normal"} 3\n');
});

test("what is well is 1 where it is so for all threads, and what they all know of a server is told once", async () => {
  const well = await mergedOf(threadThat({}), threadThat({}), threadThat({}));
  expect(well).toContain("\ncarillon_kafka_reachable 1\n");
  expect(well).toContain("\ncarillon_redis_circuit_open 0\n");
  expect(well).toContain("\ncarillon_redis_replica_used 1\n");
  expect(well).toContain("\ncarillon_redis_memory_bytes 1000\n");
  expect(well).toContain("\ncarillon_redis_evicted_keys 7\n");
  expect(well).toContain("\ncarillon_redis_pool_size 6\n");

  const ill = threadThat({
    kafka: { fault: () => "no broker answers" },
    redis: {
      circuitOpen: () => true,
      replicaUsed: () => false,
      info: () => Promise.reject(new Error("away")),
    },
  });
  const partly = await mergedOf(threadThat({}), ill, threadThat({}));
  expect(partly).toContain("\ncarillon_kafka_reachable 0\n");
  expect(partly).toContain("\ncarillon_redis_circuit_open 1\n");
  expect(partly).toContain("\ncarillon_redis_replica_used 0\n");
  expect(partly).toContain("\ncarillon_redis_memory_bytes 1000\n");
});
