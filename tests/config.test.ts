import { expect, test } from "bun:test";
import { readConfig } from "../src/config.ts";

test("the defaults are a configuration without a fault", () => {
  expect(readConfig({}).faults).toEqual([]);
});

test("a lease that a send could outlive is refused, since it would be sent twice", () => {
  const { faults } = readConfig({ LEASE_MS: "30000", SEND_TIMEOUT_MS: "15000" });
  expect(faults.map(({ name }) => name)).toEqual(["LEASE_MS"]);
  expect(readConfig({ LEASE_MS: "45000", SEND_TIMEOUT_MS: "15000" }).faults).toEqual([]);
});

test("every wrong variable is named, and a secret one without its value", () => {
  const { faults } = readConfig({ PORT: "x", ADMIN_KEY: "short", LOG_LEVEL: "loud" });
  expect(faults.map(({ name }) => name)).toEqual(["PORT", "ADMIN_KEY", "LOG_LEVEL"]);
  expect(JSON.stringify(faults)).not.toContain("short");
});

test("the address of a replica set names several hosts", () => {
  const url = "mongodb://ana:secret@a.example:27017,b.example:27017/carillon?replicaSet=rs0";
  expect(readConfig({ MONGODB_URL: url }).config.mongodbUrl).toBe(url);
  expect(readConfig({ MONGODB_URL: "mongodb+srv://a.example" }).faults).toEqual([]);
  expect(readConfig({ MONGODB_URL: "postgres://a.example" }).faults).toHaveLength(1);
  expect(readConfig({ MONGODB_URL: "mongodb://" }).faults).toHaveLength(1);
});

test("who lowers an upper bound alone need not know of the lower one", () => {
  const few = { DATABASE_POOL_MAX: "2", REDIS_POOL_MAX: "1", MONGODB_POOL_MAX: "1" };
  expect(readConfig(few).faults).toEqual([]);
});

const kafka = { KAFKA_BROKERS: "127.0.0.1:9092" };

test.each([
  ["ARCHIVE_AFTER_DAYS", { MONGODB_URL: "mongodb://127.0.0.1/carillon", ARCHIVE_AFTER_DAYS: "90" }],
  ["KAFKA_SASL_MECHANISM", { KAFKA_SASL_MECHANISM: "plain", KAFKA_SASL_USERNAME: "carillon" }],
  ["KAFKA_SASL_MECHANISM", { ...kafka, KAFKA_SASL_MECHANISM: "plain", KAFKA_SASL_USERNAME: "carillon" }],
  ["KAFKA_SASL_USERNAME", { ...kafka, KAFKA_SASL_USERNAME: "carillon" }],
  ["KAFKA_SASL_PASSWORD", { ...kafka, KAFKA_SASL_PASSWORD: "secret" }],
  ["KAFKA_SSL", { KAFKA_SSL: "1" }],
  ["KAFKA_BATCH_BYTES", { KAFKA_BATCH_BYTES: "65536", KAFKA_BATCH_MAX_BYTES: "32768" }],
  ["DATABASE_REPLICA_URL", { DATABASE_REPLICA_URL: "postgres://root:secret@127.0.0.1/carillon" }],
  ["DATABASE_PGBOUNCER", { DATABASE_PGBOUNCER: "1" }],
  ["DATABASE_POOL_MIN", { DATABASE_POOL_MIN: "26" }],
  ["REDIS_REPLICA_URL", { REDIS_REPLICA_URL: "redis://:secret@127.0.0.1" }],
  ["REDIS_POOL_MIN", { REDIS_POOL_MIN: "4", REDIS_POOL_MAX: "3" }],
  ["MONGODB_POOL_MIN", { MONGODB_POOL_MIN: "4", MONGODB_POOL_MAX: "3" }],
  ["KAFKA_BROKERS", { KAFKA_BROKERS: "kafka-1" }],
  ["REDIS_URL", { REDIS_URL: "http://127.0.0.1" }],
  ["DATABASE_URL", { DATABASE_URL: "mysql://root:secret@127.0.0.1/carillon" }],
])("%s is refused where it cannot be meant", (name, environment) => {
  const { faults } = readConfig(environment);
  expect(faults.map((fault) => fault.name)).toEqual([name]);
  expect(JSON.stringify(faults)).not.toContain("secret");
});

test.each([
  ["x-key", "is no list"],
  ["x-key=%zz", "is no list"],
  ["x key=1", "is no list"],
  ["x-key=caf\u00e9%0A", "is no list"],
])("headers for the collector such as %j are refused, and not repeated", (given, words) => {
  const { faults } = readConfig({ OTEL_EXPORTER_OTLP_HEADERS: given });
  expect(faults).toEqual([{ name: "OTEL_EXPORTER_OTLP_HEADERS", detail: expect.stringContaining(words) }]);
  expect(faults[0]?.detail).not.toContain(given);
});

test.each(["1.5", "-1", "half", "1e3"])("a share of %s is refused", (given) => {
  expect(readConfig({ LOG_SAMPLE: given }).faults.map(({ name }) => name)).toEqual(["LOG_SAMPLE"]);
});

test.each([
  ["0", 0],
  ["0.01", 0.01],
  [".5", 0.5],
  ["1", 1],
  ["1.0", 1],
])("a share of %s is read", (given, share) => {
  expect(readConfig({ OTEL_TRACES_SAMPLER_ARG: given }).config.otelSamplerShare).toBe(share);
});
