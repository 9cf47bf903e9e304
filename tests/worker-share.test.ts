import { expect, test } from "bun:test";
import { loadConfig } from "../src/config.ts";
import { configOfWorker } from "../src/worker-share.ts";

const onServers = { DATABASE_URL: "postgres://127.0.0.1/carillon", KAFKA_BROKERS: "127.0.0.1:9092" };

test.each<{ workers: number; emails: number[]; webhooks: number[] }>([
  { workers: 1, emails: [5], webhooks: [64] },
  { workers: 3, emails: [2, 2, 1], webhooks: [22, 21, 21] },
  { workers: 7, emails: [1, 1, 1, 1, 1, 1, 1], webhooks: [10, 9, 9, 9, 9, 9, 9] },
])("$workers workers share what the process may send at the same time, and each may send", (expected) => {
  const config = loadConfig({ ...onServers, WORKERS: String(expected.workers) });
  const shares = Array.from({ length: expected.workers }, (_, index) => configOfWorker(config, index));
  expect(shares.map(({ emailConnections }) => emailConnections)).toEqual(expected.emails);
  expect(shares.map(({ webhookConnections }) => webhookConnections)).toEqual(expected.webhooks);
});
