import type { Cache, Clock } from "../ports.ts";
import type { EarlierRequest, IdempotentRequest } from "./accept.ts";
import { idempotencyTtlMs } from "./store.ts";

/**
 * How long an answer is kept at most, in seconds. Who repeats a request does so within seconds or minutes; for the rest of
 * the 24 hours the database answers. So at 1,000 keyed requests a second they take Redis some 0.4 GB.
 */
const keptMaxSeconds = 600;

/** Longer answers, of some 1,800 notifications, are left to the database. */
const answerCharsMax = 128 * 1024;

/** How far apart the clocks of two processes may be: so much before its 24 hours end, an answer is left to the database. */
const clockSkewMaxMs = 5 * 60_000;

/** Flushes whose answers are on their way into the cache at most; those of a further one are left to the database. */
const writesMax = 8;

/** Which request is meant. */
export type RequestName = Pick<IdempotentRequest, "projectId" | "key">;

/**
 * The answers to requests with an Idempotency-Key, where a repetition finds them without the database: while that hangs or
 * has too much to do, many are repeated. What is committed under a key does not change for 24 hours, so an answer that is
 * kept is right, and a plain set without a lease will do. Whatever is not kept, the database knows.
 */
export interface Answers {
  /** The request that was answered under this key; null where that is not known here. Never throws. */
  find(name: RequestName): Promise<EarlierRequest | null>;
  /** Keeps the answers of what was committed at `committedMs`, by one command that nobody waits for. Never throws. */
  keep(requests: IdempotentRequest[], committedMs: number): void;
  /** Resolves once all of them are kept, or given up. */
  drained(): Promise<void>;
}

interface Needs {
  cache: Cache;
  clock: Clock;
  /** How long what has no setting of its own is cached. */
  cacheTtlSeconds: number;
}

export function createAnswers({ cache, clock, cacheTtlSeconds }: Needs): Answers {
  const ttlSeconds = Math.min(cacheTtlSeconds, keptMaxSeconds);
  const writes = new Set<Promise<void>>();

  return {
    async find(name) {
      const [text] = await cache.mGet<string>([cacheKeyOf(name)]);
      if (text === undefined) return null;
      const { committedMs, ...earlier } = parse(text);
      return clock.now() < committedMs + idempotencyTtlMs - clockSkewMaxMs ? earlier : null;
    },

    keep(requests, committedMs) {
      const entries = requests
        .filter(({ response }) => response.length <= answerCharsMax)
        .map((request) => ({
          key: cacheKeyOf(request),
          value: textOf({ ...request, committedMs }),
          ttlSeconds,
        }));
      if (entries.length === 0 || writes.size >= writesMax) return;
      const write = cache.mSet(entries).finally(() => writes.delete(write));
      writes.add(write);
    },

    async drained() {
      await Promise.all(writes);
    },
  };
}

const cacheKeyOf = ({ projectId, key }: RequestName) => `answer:${projectId}:${key}`;

/** One text, so that the memory's cache can tell how long it is. */
const textOf = ({ committedMs, requestHash, response }: EarlierRequest & { committedMs: number }) =>
  `${committedMs} ${requestHash} ${response}`;

function parse(text: string): EarlierRequest & { committedMs: number } {
  const hashAt = text.indexOf(" ") + 1;
  const responseAt = text.indexOf(" ", hashAt) + 1;
  return {
    committedMs: Number(text.slice(0, hashAt - 1)),
    requestHash: text.slice(hashAt, responseAt - 1),
    response: text.slice(responseAt),
  };
}
