/** Where each kind of server is reached, and how it is asked whether it answers: by its own protocol. */
import { RedisClient, SQL } from "bun";
import { MongoClient } from "mongodb";
import { within } from "../eventually.ts";
import { brokerCount } from "./kafka-metadata.ts";
import type { ServerName } from "./recipe.ts";

interface Protocol {
  /** The variable in which tests find its address. */
  variable: string;
  /** What a client connects to, on the loopback; for PostgreSQL a superuser's maintenance database. */
  url(port: number): string;
  /** Asks it once; rejects, or hangs, while it does not answer. */
  ask(url: string): Promise<unknown>;
}

const answerTimeoutMs = 2_000;

export const protocols: Record<ServerName, Protocol> = {
  postgres: {
    variable: "TEST_DATABASE_URL",
    url: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
    async ask(url) {
      const sql = new SQL({ url, max: 1 });
      await sql`select 1`.finally(() => sql.close({ timeout: 0 }));
    },
  },
  redis: {
    variable: "TEST_REDIS_URL",
    url: (port) => `redis://127.0.0.1:${port}`,
    async ask(url) {
      const client = new RedisClient(url, { autoReconnect: false, connectionTimeout: answerTimeoutMs });
      await client.send("PING", []).finally(() => client.close());
    },
  },
  kafka: {
    variable: "TEST_KAFKA_BROKERS",
    url: (port) => `127.0.0.1:${port}`,
    async ask(broker) {
      if ((await brokerCount(broker)) === 0) throw new Error("the broker has not joined its cluster yet");
    },
  },
  mongodb: {
    variable: "TEST_MONGODB_URL",
    url: (port) => `mongodb://127.0.0.1:${port}`,
    async ask(url) {
      const client = new MongoClient(url, { serverSelectionTimeoutMS: answerTimeoutMs });
      await client
        .db("admin")
        .command({ ping: 1 })
        .finally(() => client.close());
    },
  },
};

/** True once it has answered; rejects where it does not within 2 s. */
export async function answer(name: ServerName, url: string): Promise<true> {
  const why = () => `${name} at ${url} gave no answer within ${answerTimeoutMs} ms`;
  await within(answerTimeoutMs, protocols[name].ask(url), why);
  return true;
}
