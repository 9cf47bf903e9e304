/** The servers that a service under test runs on: its own, so that they can be stopped and killed. */
import { type OwnServer, startKafka, startPostgres, startRedis } from "../services/own-server.ts";

export const stackNames = ["embedded", "postgres", "redis", "all"] as const;
/** `embedded`: no server. `postgres`: PostgreSQL alone. `redis`: with Redis. `all`: PostgreSQL, Redis and Kafka. */
export type StackName = (typeof stackNames)[number];

export interface Stack extends AsyncDisposable {
  name: StackName;
  postgres: OwnServer | null;
  redis: OwnServer | null;
  kafka: OwnServer | null;
  /** The service's settings that lead to them. */
  env: Record<string, string>;
}

/** @throws Missing where a server cannot be had */
export async function startStack(name: StackName): Promise<Stack> {
  await using started = new AsyncDisposableStack();
  const start = async (wanted: boolean, make: () => Promise<OwnServer>) =>
    wanted ? started.use(await make()) : null;
  const [postgres, redis, kafka] = await Promise.all([
    start(name !== "embedded", startPostgres),
    start(name === "redis" || name === "all", startRedis),
    start(name === "all", startKafka),
  ]);
  const servers = started.move();
  return {
    name,
    postgres,
    redis,
    kafka,
    env: {
      ...(postgres && { DATABASE_URL: postgres.url }),
      ...(redis && { REDIS_URL: redis.url }),
      ...(kafka && { KAFKA_BROKERS: kafka.url }),
    },
    [Symbol.asyncDispose]: () => servers.disposeAsync(),
  };
}

/** The server of this kind. @throws Error where the stack has none: the fault does not apply to it */
export function serverOf(stack: Stack, kind: "postgres" | "redis" | "kafka"): OwnServer {
  const server = stack[kind];
  if (server === null) throw new Error(`the stack "${stack.name}" has no ${kind}`);
  return server;
}
