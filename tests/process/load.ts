/** Callers that send as fast as they are answered, and write down what they were promised. */
import type { Client } from "./client.ts";

/** What was asked for and what a 202 promised, over any number of processes. */
export interface Ledger {
  /** The titles of all notifications that were ever in a request: each is unique. */
  asked: Set<string>;
  /** Titles by id, of all that were answered with 202. */
  promised: Map<string, string>;
  /** When each was, by id (`performance.now()`). */
  promisedAtMs: Map<string, number>;
  /** Requests that got no answer: what they asked for may be stored or not. */
  unanswered: number;
  /** Answers that were no 202, by status. */
  refused: Map<number, number>;
  /** When the last 202 came, and the longest time between two of them. */
  lastPromiseMs: number | null;
  longestGapMs: number;
  /** The longest that an answer took, of whatever status. */
  slowestMs: number;
}

export function newLedger(): Ledger {
  return {
    asked: new Set(),
    promised: new Map(),
    promisedAtMs: new Map(),
    unanswered: 0,
    refused: new Map(),
    lastPromiseMs: null,
    longestGapMs: 0,
    slowestMs: 0,
  };
}

export interface LoadOptions {
  /** Whom to ask; where there are several processes, asked before each request. */
  client: Client | (() => Client);
  ledger: Ledger;
  /** The body of a notification with this unique title. */
  compose: (title: string, nth: number) => object;
  /** Callers at the same time. Every fourth sends in bulk. */
  callers?: number;
  /** Called after each answer. */
  onAnswer?: (status: number) => void;
  /**
   * For callers that outlive a fault: they go on after a request that was not answered or not taken, and wait
   * `pauseMs` after each, on average. Every other one repeats such a request, with an Idempotency-Key, until it is taken.
   */
  persistent?: { pauseMs: number };
}

const bulkSize = 25;

/**
 * Sends until a request gets no answer (its process was killed) or `stop` was called; resolves once every
 * caller has come to its end.
 */
export function startLoad({
  client,
  ledger,
  compose,
  callers = 12,
  onAnswer = () => {},
  persistent,
}: LoadOptions) {
  let stopped = false;

  function next(): { title: string; body: object } {
    const nth = ledger.asked.size;
    const title = `notification ${nth}`;
    ledger.asked.add(title);
    return { title, body: compose(title, nth) };
  }

  /** A new request, which gives the status that it was answered with; it may be made again. */
  function request(bulk: boolean, keyed: boolean): () => Promise<number> {
    const made = Array.from({ length: bulk ? bulkSize : 1 }, next);
    const bodies = made.map(({ body }) => body);
    const headers: Record<string, string> = keyed ? { "idempotency-key": crypto.randomUUID() } : {};
    const [path, body] = bulk
      ? ["/v1/notifications/bulk", { notifications: bodies }]
      : ["/v1/notifications", bodies[0]];
    return async () => {
      const target = typeof client === "function" ? client() : client;
      const askedMs = performance.now();
      const { status, data } = await target
        .call<{ id: string } | { id: string }[]>("POST", path, body, headers)
        .finally(() => {
          ledger.slowestMs = Math.max(ledger.slowestMs, performance.now() - askedMs);
        });
      if (status !== 202) ledger.refused.set(status, (ledger.refused.get(status) ?? 0) + 1);
      else for (const [index, { id }] of [data].flat().entries()) promise(id, made[index]?.title ?? "");
      return status;
    };
  }

  function promise(id: string, title: string): void {
    const nowMs = performance.now();
    const gapMs = nowMs - (ledger.lastPromiseMs ?? nowMs);
    ledger.longestGapMs = Math.max(ledger.longestGapMs, gapMs);
    ledger.lastPromiseMs = nowMs;
    ledger.promised.set(id, title);
    ledger.promisedAtMs.set(id, nowMs);
  }

  async function caller(bulk: boolean, keyed: boolean): Promise<void> {
    for (let ask = request(bulk, keyed); !stopped; ) {
      let status = 0;
      try {
        status = await ask();
      } catch {
        ledger.unanswered += 1;
        if (!persistent) return;
      }
      if (status !== 0) onAnswer(status);
      if (persistent) await Bun.sleep(persistent.pauseMs * 2 * Math.random());
      // Who is told that the service stops has no reason to ask again, unless another takes its place.
      else if (status === 503) return;
      if (status === 202 || !keyed) ask = request(bulk, keyed);
    }
  }

  const ended = Promise.all(
    Array.from({ length: callers }, (_, index) =>
      caller(index % 4 === 3, persistent !== undefined && index % 8 < 4),
    ),
  );
  return {
    ended: ended.then(() => {}),
    stop: () => {
      stopped = true;
    },
  };
}
