import { ClientError } from "../errors.ts";
import { within } from "../within.ts";
import type { EarlierRequest, IdempotentRequest, Receipt } from "./accept.ts";
import { type Answers, createAnswers, type RequestName } from "./answers.ts";

/** What part of what critical requests may wait a request waits at most before the cache is asked: 100 ms by default. */
const patiencePart = 0.1;

/** What is known of an earlier request with the same key before this one is stored, without the database. */
export type Recalled = { asked: true; earlier: EarlierRequest | null } | typeof notAsked;

/** While nothing waits for long, the cache is not asked. */
export const notAsked = { asked: false, earlier: null } as const;

/**
 * Requests with an Idempotency-Key: each is stored once, and one at a time. The database says which was first. The cache is
 * asked, too, but only while requests wait for the database: a look into Redis costs a keyed POST 8 % of the service's CPU
 * (12 µs) and finds nothing where all goes well.
 */
export interface Repeats {
  /** Before a place is taken. */
  recall(name: RequestName): Promise<Recalled>;
  /**
   * The earlier request that was recalled; else what `store` gives, or where that takes long or fails, and the cache was not
   * asked before, an earlier request that the cache knows of.
   *
   * @throws ClientError `idempotency_in_progress` where this process is storing a request with this key
   */
  once(request: IdempotentRequest, recalled: Recalled, store: () => Promise<Receipt>): Promise<Receipt>;
  keep: Answers["keep"];
  drained: Answers["drained"];
}

type Needs = Parameters<typeof createAnswers>[0] & {
  /** How long what is critical may wait to be stored before more of it is refused. */
  acceptWaitMs: number;
  /** Since when the oldest of a project's requests waits for its flush, by performance.now(); null where none does. */
  waitingSince(projectId: string): number | null;
};

export function createRepeats(needs: Needs): Repeats {
  const { acceptWaitMs, waitingSince } = needs;
  const answers = createAnswers(needs);
  const patienceMs = acceptWaitMs * patiencePart;
  /** Since when each is being stored, oldest first. */
  const running = new Map<string, number>();

  function isSlow(projectId: string): boolean {
    const [oldest = Number.POSITIVE_INFINITY] = running.values();
    const since = Math.min(oldest, waitingSince(projectId) ?? Number.POSITIVE_INFINITY);
    return performance.now() - since > patienceMs;
  }

  return {
    async recall(name) {
      return isSlow(name.projectId) ? { asked: true, earlier: await answers.find(name) } : notAsked;
    },

    async once(request, recalled, store) {
      if (recalled.earlier !== null) return repetitionOf(recalled.earlier);
      const name = `${request.projectId}:${request.key}`;
      if (running.has(name)) {
        throw new ClientError(
          "idempotency_in_progress",
          "Another request with this Idempotency-Key is being stored right now. Repeat this one in a moment to get its answer.",
          { headers: { "retry-after": "1" } },
        );
      }
      running.set(name, performance.now());
      const stored = store().finally(() => running.delete(name));
      if (recalled.asked || (await succeedsWithin(stored, patienceMs))) return stored;
      const earlier = await answers.find(request);
      return earlier === null ? stored : repetitionOf(earlier);
    },

    keep: answers.keep,
    drained: answers.drained,
  };
}

const repetitionOf = (earlier: EarlierRequest): Receipt => ({
  earlier,
  refused: new Map(),
  profiles: new Map(),
});

/** False once it has failed, or so long has passed. */
const succeedsWithin = (work: Promise<unknown>, ms: number): Promise<boolean> =>
  within(
    ms,
    work.then(
      () => true,
      () => false,
    ),
    () => false,
  );
