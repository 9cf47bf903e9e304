/** Callers that send as fast as they are answered, and write down what they were promised. */
import type { Client } from "./client.ts";

/** What was asked for and what a 202 promised, over any number of processes. */
export interface Ledger {
  /** The titles of all notifications that were ever in a request: each is unique. */
  asked: Set<string>;
  /** Titles by id, of all that were answered with 202. */
  promised: Map<string, string>;
  /** Requests that got no answer: what they asked for may be stored or not. */
  unanswered: number;
  /** Answers that were no 202, by status. */
  refused: Map<number, number>;
}

export function newLedger(): Ledger {
  return { asked: new Set(), promised: new Map(), unanswered: 0, refused: new Map() };
}

export interface LoadOptions {
  client: Client;
  ledger: Ledger;
  /** The body of a notification with this unique title. */
  compose: (title: string, nth: number) => object;
  /** Callers at the same time. Every fourth sends in bulk. */
  callers?: number;
  /** Called after each answer. */
  onAnswer?: (status: number) => void;
}

const bulkSize = 25;

/**
 * Sends until a request gets no answer (its process was killed) or `stop` was called; resolves once every
 * caller has come to its end.
 */
export function startLoad({ client, ledger, compose, callers = 12, onAnswer = () => {} }: LoadOptions) {
  let stopped = false;

  function next(): { title: string; body: object } {
    const nth = ledger.asked.size;
    const title = `notification ${nth}`;
    ledger.asked.add(title);
    return { title, body: compose(title, nth) };
  }

  async function post(bulk: boolean): Promise<number> {
    const made = Array.from({ length: bulk ? bulkSize : 1 }, next);
    const bodies = made.map(({ body }) => body);
    const { status, data } = bulk
      ? await client.call<{ id: string }[]>("POST", "/v1/notifications/bulk", { notifications: bodies })
      : await client.call<{ id: string }>("POST", "/v1/notifications", bodies[0]);
    if (status !== 202) {
      ledger.refused.set(status, (ledger.refused.get(status) ?? 0) + 1);
      return status;
    }
    [data].flat().forEach(({ id }, index) => {
      ledger.promised.set(id, made[index]?.title ?? "");
    });
    return status;
  }

  async function caller(bulk: boolean): Promise<void> {
    while (!stopped) {
      let status: number;
      try {
        status = await post(bulk);
      } catch {
        ledger.unanswered += 1;
        return;
      }
      onAnswer(status);
      // Who is told that the service stops has no reason to ask again.
      if (status === 503) return;
    }
  }

  const ended = Promise.all(Array.from({ length: callers }, (_, index) => caller(index % 4 === 3)));
  return {
    ended: ended.then(() => {}),
    stop: () => {
      stopped = true;
    },
  };
}
