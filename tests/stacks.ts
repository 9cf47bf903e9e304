/** What Carillon runs on: the same tests hold on all of it, each in a world of its own on the shared servers. */
import { Redis } from "ioredis";
import { Kafka, logLevel } from "kafkajs";
import { newId } from "../db/id.ts";
import { workAroundKafkaJs } from "../src/adapters/kafka-workarounds.ts";
import { testDatabase } from "./databases.ts";
import { tempFolder } from "./temp-folder.ts";

/** Nothing beside it; a database server; every server that it can use: each with where tests find its servers. */
const variables = {
  embedded: [],
  PostgreSQL: ["TEST_DATABASE_URL"],
  "PostgreSQL, Redis and Kafka": ["TEST_DATABASE_URL", "TEST_REDIS_URL", "TEST_KAFKA_BROKERS"],
};

/** What its servers are not here for is left out and said; in CI it fails. */
export const stacks = (Object.keys(variables) as StackName[]).filter((name) => {
  const missing = variables[name].filter((variable) => !process.env[variable]);
  if (missing.length === 0 || process.env.CI) return true;
  console.warn(`skipped on ${name}: ${howToHave(missing)}`);
  return false;
});

workAroundKafkaJs();

/** Those that several processes can share. */
export const servers = stacks.filter((name) => name !== "embedded");

export type StackName = keyof typeof variables;

export interface Stack extends AsyncDisposable {
  /** The settings that lead to it. */
  readonly env: Record<string, string>;
}

/**
 * A new, empty one. Disposing of it removes all that was made on the shared servers, so stop first what runs on it.
 *
 * @throws Error where a server is missing, which says how to have one
 */
export async function openStack(name: StackName): Promise<Stack> {
  if (name === "embedded") {
    const folder = tempFolder();
    return { env: { DATA_DIR: folder.path }, [Symbol.asyncDispose]: folder[Symbol.asyncDispose] };
  }
  const database = await testDatabase();
  if (name === "PostgreSQL") {
    return { env: { DATABASE_URL: database.url }, [Symbol.asyncDispose]: database[Symbol.asyncDispose] };
  }
  const own = `test-${newId(Date.now()).slice(-12)}`;
  const redisUrl = sharedUrl("TEST_REDIS_URL");
  const brokers = sharedUrl("TEST_KAFKA_BROKERS");
  return {
    env: {
      DATABASE_URL: database.url,
      REDIS_URL: redisUrl,
      REDIS_PREFIX: `${own}:`,
      REDIS_TIMEOUT_MS: "2000", // The machine of a test may be busy.
      KAFKA_BROKERS: brokers,
      KAFKA_TOPIC_PREFIX: own,
      KAFKA_PARTITIONS: "2",
      KAFKA_FETCH_WAIT_MS: "100", // So long a stop waits for the last fetch.
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([
        database[Symbol.asyncDispose](),
        dropKeys(redisUrl, `${own}:`),
        dropTopics(brokers, own),
      ]);
    },
  };
}

function sharedUrl(variable: "TEST_REDIS_URL" | "TEST_KAFKA_BROKERS"): string {
  const url = process.env[variable];
  if (url) return url;
  throw new Error(howToHave([variable]));
}

function howToHave(variables: string[]): string {
  const unset = `${variables.join(", ")} ${variables.length > 1 ? "are" : "is"} not set`;
  return `${unset}: run the tests by \`bun run test\`, or bring the servers up with \`bun run services up\`.`;
}

const scanCount = 10_000;

async function dropKeys(url: string, prefix: string): Promise<void> {
  const redis = new Redis(url);
  try {
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: scanCount })) {
      if (keys.length > 0) await redis.unlink(keys);
    }
  } finally {
    redis.disconnect();
  }
}

async function dropTopics(brokers: string, prefix: string): Promise<void> {
  const admin = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${prefix}.`));
    if (topics.length > 0) await admin.deleteTopics({ topics });
    const { groups } = await admin.listGroups();
    const own = groups.map(({ groupId }) => groupId).filter((id) => id.startsWith(`${prefix}-`));
    // A member that was killed stays in its group until its session is over; Kafka drops empty groups by itself.
    await admin.deleteGroups(own).catch(() => {});
  } finally {
    await admin.disconnect();
  }
}
