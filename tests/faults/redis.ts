/** Redis that stands still, dies, forgets: none of it may be noticed but in speed. */
import { RedisClient } from "bun";
import type { Fault } from "./fault.ts";
import { type StackName, serverOf } from "./stack.ts";

/** How long it is gone: so long that the circuit opens and tries again. */
const downMs = 1000;
/** Between two flushes, in which some is cached anew. */
const flushEveryMs = 200;
const stacksWithRedis: StackName[] = ["redis", "all"];
/** Redis is never waited for longer than REDIS_TIMEOUT_MS a call. */
const common = {
  stacks: stacksWithRedis,
  shortOn: ["redis" as const],
  recoverMaxMs: 5000,
  answerMaxMs: 5000,
};

const paused: Fault = {
  ...common,
  name: "Redis stopped by SIGSTOP",
  async inject({ stack, form }) {
    const redis = serverOf(stack, "redis");
    redis.pause();
    await Bun.sleep(form.pauseMs);
    redis.resume();
    return { interrupted: 0 };
  },
};

const killed: Fault = {
  ...common,
  name: "Redis killed and restarted",
  async inject({ stack }) {
    const redis = serverOf(stack, "redis");
    await redis.kill();
    await Bun.sleep(downMs);
    await redis.restart();
    return { interrupted: 0 };
  },
};

const flushed: Fault = {
  ...common,
  name: "FLUSHALL again and again",
  async inject({ stack, form }) {
    const client = new RedisClient(serverOf(stack, "redis").url);
    for (let round = 0; round < form.rounds; round++) {
      await client.send("FLUSHALL", []);
      await Bun.sleep(flushEveryMs);
    }
    client.close();
    return { interrupted: 0 };
  },
};

export const redisFaults = [paused, killed, flushed];
