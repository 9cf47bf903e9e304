/** Redis and Kafka go away, fill up and hold what nobody takes: caused, found by doctor, and cured as docs/runbook.md says. */
import { expect, test } from "bun:test";
import { Redis } from "ioredis";
import { Kafka, logLevel } from "kafkajs";
import { within } from "../eventually.ts";
import { startService } from "../process.ts";
import { startKafka, startRedis } from "../services/own-server.ts";
import { openStack } from "../stacks.ts";
import { tempFolder } from "../temp-folder.ts";
import { doctorFor, openWard } from "./ward.ts";

const testTimeoutMs = 90_000;

test(
  "redis-down: it does not answer, and does again",
  async () => {
    await using redis = await startRedis();
    const env = { REDIS_URL: redis.url, REDIS_TIMEOUT_MS: "250" };
    await using ward = await openWard({ stack: "PostgreSQL", env });
    redis.pause();
    await ward.client.call("GET", "/v1/notifications");
    const service = await ward.finds("service", "redis-down");
    expect(service.found).toEndWith("is ready, without its cache.");
    const looked = await ward.look();
    expect(looked.of("redis")).toMatchObject({ level: "warn", entry: "redis-down" });
    expect(looked.of("cache")).toMatchObject({ level: "warn", entry: "redis-down" });
    redis.resume();
    for (const check of ["service", "redis", "cache"]) await ward.isWell(check);
  },
  testTimeoutMs,
);

test(
  "redis-full: its memory is used up, until it may have more",
  async () => {
    await using redis = await startRedis(["--maxmemory", "16mb", "--maxmemory-policy", "noeviction"]);
    await using folder = tempFolder();
    const doctor = doctorFor({ env: { REDIS_URL: redis.url, PORT: "0" }, cwd: folder.path });
    await doctor.isWell("cache");
    const admin = new Redis(redis.url);
    const usedBytes = async () => Number(/^used_memory:(\d+)/m.exec(await admin.info("memory"))?.[1]);
    for (let nth = 0; (await usedBytes()) < 0.85 * 16 * 1024 ** 2; nth++) {
      await admin.set(`somebody's ${nth}`, Buffer.alloc(100_000));
    }
    const full = await doctor.finds("cache", "redis-full");
    expect(full.found).toMatch(
      / uses \d+ MB, \d+ % of its maxmemory \(bound 80 %, maxmemory-policy noeviction\)\.$/,
    );
    await admin.config("SET", "maxmemory", "64mb");
    await doctor.isWell("cache");
    admin.disconnect();
  },
  testTimeoutMs,
);

test(
  "kafka-down, lag, unreadable-events: the broker goes away; events wait without a consumer; some cannot be read",
  async () => {
    await using kafka = await startKafka();
    await using stack = await openStack("PostgreSQL");
    await using folder = tempFolder();
    const env = { ...stack.env, KAFKA_BROKERS: kafka.url, KAFKA_REPLICATION: "1", WORKERS: "1", PORT: "0" };
    const start = async () => {
      const service = startService({ cwd: folder.path, env: { ...env, KAFKA_FETCH_WAIT_MS: "100" } });
      await service.ready;
      return service;
    };
    const client = new Kafka({ brokers: [kafka.url], logLevel: logLevel.NOTHING });
    const beside = doctorFor({ env, cwd: folder.path });
    {
      await using service = await start();
      const doctor = doctorFor({ env, cwd: folder.path }, service.url);
      await doctor.isWell("kafka");
      kafka.pause();
      await doctor.finds("kafka", "kafka-down");
      const looked = await doctor.look();
      expect(looked.of("event log")).toMatchObject({ level: "fail", entry: "kafka-down" });
      expect(looked.of("service")).toMatchObject({ level: "warn", entry: "kafka-down" });
      kafka.resume();
      for (const check of ["kafka", "event log", "service"]) await doctor.isWell(check);
    }
    const producer = client.producer();
    await producer.connect();
    await producer.send({
      topic: "carillon.high",
      messages: Array.from({ length: 5 }, () => ({ value: "no event" })),
    });
    await producer.disconnect();
    const waiting = await beside.finds("lag", "lag");
    expect(waiting.found).toBe("events wait and no process consumes them: 5 in high.");

    await using service = await start();
    const doctor = doctorFor({ env, cwd: folder.path }, service.url);
    await doctor.isWell("lag");
    const aside = await doctor.finds("put aside", "unreadable-events");
    expect(aside.found).toBe("5 messages could not be read or stored.");
    const admin = client.admin();
    await admin.connect();
    const topic = "carillon.dead-letters";
    const partitions = (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => ({
      partition,
      offset: high,
    }));
    await within(10_000, admin.deleteTopicRecords({ topic, partitions }), () => "Kafka does not delete");
    await admin.disconnect();
    await doctor.isWell("put aside");
  },
  testTimeoutMs,
);
