import type { Config } from "./config.ts";
import { fail, ok, type Result, sentence, warn } from "./doctor-finding.ts";
import { megabytes, percent } from "./doctor-words.ts";
import { probeRedis, type RedisState } from "./probes.ts";
import { addressIn } from "./server-address.ts";
import { targets } from "./targets.ts";

/** The oldest that has every command that is used. */
const oldest = [6, 2] as const;

type Setting = "REDIS_URL" | "REDIS_REPLICA_URL";

export async function examineRedis(config: Config, url: string, setting: Setting): Promise<Result> {
  const place = `Redis at ${addressIn(url)}`;
  let state: RedisState | null;
  try {
    state = await probeRedis(url);
  } catch (error) {
    return silent(config, sentence(`${place} cannot be used: ${(error as Error).message}`), setting);
  }
  if (state === null) {
    return warn(
      `${place} answers, and does not let this user ask for INFO.`,
      "Its version, role and memory cannot be looked at: grant it +info, or ask who runs it.",
    );
  }
  const [major = 0, minor = 0] = state.version.split(".").map(Number);
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
    return fail(`${place} is of version ${state.version}.`, `Carillon needs ${oldest.join(".")} or newer.`);
  }
  return setting === "REDIS_URL" ? primary(place, state) : replica(place, state);
}

function silent({ rateLimitFail }: Config, found: string, setting: Setting): Result {
  if (setting === "REDIS_REPLICA_URL") {
    return warn(found, "Start it, or correct REDIS_REPLICA_URL: until it answers, REDIS_URL is read from.");
  }
  if (rateLimitFail === "closed") {
    return fail(
      found,
      "Start it, or correct REDIS_URL: with RATE_LIMIT_FAIL=closed all requests are refused.",
      "redis-down",
    );
  }
  return warn(
    found,
    "Start it, or correct REDIS_URL: until it answers, the database is asked for everything.",
    "redis-down",
  );
}

function primary(place: string, state: RedisState): Result {
  const { version, role, usedMemoryBytes, maxMemoryBytes, evictionPolicy } = state;
  if (role !== "master") {
    return fail(`${place} is a replica, which takes no writes.`, "Set REDIS_URL to its primary.");
  }
  if (maxMemoryBytes > 0 && evictionPolicy.startsWith("allkeys-")) {
    return warn(
      `${place} drops any key once it is full (maxmemory-policy ${evictionPolicy}), locks and limits too.`,
      "Set it to volatile-lru, or give Carillon a Redis of its own.",
      "redis-full",
    );
  }
  if (maxMemoryBytes > 0 && usedMemoryBytes > maxMemoryBytes * targets.memoryRatio.warning) {
    return warn(
      `${place} uses ${megabytes(usedMemoryBytes)}, ${percent(usedMemoryBytes / maxMemoryBytes)} of its maxmemory (bound ${percent(targets.memoryRatio.warning)}, maxmemory-policy ${evictionPolicy}).`,
      evictionPolicy === "noeviction"
        ? "It refuses what is written beyond."
        : "It drops what it was asked for least.",
      "redis-full",
    );
  }
  return ok(`${place} answers, version ${version}, maxmemory-policy ${evictionPolicy}.`);
}

function replica(place: string, { version, role, linked }: RedisState): Result {
  if (role === "master") {
    return warn(`${place} is no replica.`, "Set REDIS_REPLICA_URL to a replica of REDIS_URL, or unset it.");
  }
  if (!linked) {
    return warn(
      `${place} does not hear its primary.`,
      "Look at its log: until it does, REDIS_URL is read from.",
    );
  }
  return ok(`${place} answers, version ${version}, and follows its primary.`);
}
