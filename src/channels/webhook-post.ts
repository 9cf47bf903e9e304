import type { IncomingHttpHeaders } from "node:http";
import type { LookupFunction } from "node:net";
import type { Agent, Dispatcher } from "undici-node";
import type { Deadline } from "./deadline.ts";
import type { WebhookRequest } from "./webhook.ts";

/** HTTP exchanges that tell whether anything was sent. Redirects are not followed. */

/**
 * How much of an answer's body is kept, for people to read, and how much is read on and how long waited for
 * after the head, so that the connection can be used again.
 */
const bodyMaxBytes = 4096;
const drainMaxBytes = 64 * 1024;
const drainTimeoutMs = 1000;
/** An unused connection is closed before the receiver would, which Node's own servers do after 5 s. */
const idleTimeoutMs = 4000;

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** The first bytes of the body, as text. */
  body: string;
}

/** No answer came. `connected`: the connection stood, so that the receiver may have got the request. */
export class Unanswered extends Error {
  constructor(
    override readonly cause: unknown,
    readonly connected: boolean,
  ) {
    super("no answer", { cause });
  }
}

/** Where a URL leads. */
export interface Target {
  origin: string;
  host: string;
  path: string;
}

export const targetOf = ({ origin, host, pathname, search }: URL): Target => ({
  origin,
  host,
  path: pathname + search,
});

export interface WebhookClient {
  /** Resolves with the answer, rejects with Unanswered. */
  post(target: Target, request: WebhookRequest, deadline: Deadline): Promise<Answer>;
  close(): Promise<void>;
}

interface ClientOptions {
  /** To an origin at the same time; what is beyond them waits. */
  connections: number;
  /** Of a connection's making: what is called has an end of its own. */
  timeoutMs: number;
  lookup: LookupFunction;
  /** Certificates to trust instead of the system's, PEM. */
  ca?: string | undefined;
}

/**
 * By undici itself, not by what Bun has in its place, which is a fetch: it costs a webhook 13 µs where node:http takes 20 (Bun
 * 1.4.4, 64 at a time). It takes 50 ms to load, or 10 in the binary, which a start does not wait for.
 */
export async function openWebhookClient(options: ClientOptions): Promise<WebhookClient> {
  const undici = await import("undici-node");
  const agent = new undici.Agent(agentOptions(options));
  return {
    post: (target, request, deadline) => exchange(agent, target, request, deadline),
    close: () => agent.destroy(),
  };
}

function agentOptions({ connections, timeoutMs, lookup, ca }: ClientOptions): Agent.Options {
  return {
    // The lookup is the agent's, so that no connection of its own goes anywhere unchecked.
    connect: { lookup, timeout: timeoutMs, ...(ca === undefined ? {} : { ca }) },
    connections,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: idleTimeoutMs,
    keepAliveMaxTimeout: idleTimeoutMs,
    headersTimeout: 0,
    bodyTimeout: 0,
  };
}

function exchange(
  agent: Agent,
  { origin, path }: Target,
  { headers, body }: WebhookRequest,
  deadline: Deadline,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  let sending: Dispatcher.DispatchController | undefined;
  let head: Omit<Answer, "body"> | undefined;
  let isOver = false;
  let drainTimer: Timer | undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;

  /** However it ended: the status has said what matters, and a body that broke off is as good as a short one. */
  function end(error?: Error): void {
    if (isOver) return;
    isOver = true;
    clearTimeout(drainTimer);
    if (head) resolve({ ...head, body: Buffer.concat(chunks).toString("utf8", 0, bodyMaxBytes) });
    else reject(new Unanswered(error ?? new Error("the connection was closed without an answer"), !!sending));
  }

  /** Most answers end along with the packet that they begin with, and need no timer. */
  function boundDrain(controller: Dispatcher.DispatchController): void {
    queueMicrotask(() => {
      if (isOver) return;
      drainTimer = setTimeout(() => controller.abort(new Error("its body takes too long")), drainTimeoutMs);
    });
  }

  deadline.onEnd(() => {
    if (head) return;
    const error = new Error(deadline.reason);
    end(error);
    sending?.abort(error);
  });
  if (isOver) return promise;
  agent.dispatch(
    { origin, path, method: "POST", headers, body },
    {
      // Its connection stands. An attempt that ended meanwhile has its place in the queue still, and must not be sent.
      onRequestStart(controller) {
        if (isOver) controller.abort(new Error(deadline.reason));
        else sending = controller;
      },
      onResponseStart(controller, status, answerHeaders) {
        if (status < 200) return;
        head = { status, headers: answerHeaders };
        boundDrain(controller);
      },
      onResponseData(controller, chunk) {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes >= drainMaxBytes) controller.abort(new Error("its body is too long"));
      },
      onResponseEnd: () => end(),
      onResponseError: (_, error) => end(error),
    },
  );
  return promise;
}
