import http from "node:http";
import type { Socket } from "node:net";
import type { Deadline } from "./deadline.ts";
import type { WebhookRequest } from "./webhook.ts";
import { bareHost } from "./webhook-address.ts";

/** One HTTP exchange that tells whether anything was sent. Redirects are not followed. */

/**
 * How much of an answer's body is kept, for people to read, and how much is read on and how long waited for
 * after the head, so that the connection can be used again.
 */
const bodyMaxBytes = 4096;
const drainMaxBytes = 64 * 1024;
const drainTimeoutMs = 1000;

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
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

/** Where a URL leads, in node:http's words, which reads a URL object again for each request: 3 µs. */
export interface Target extends Pick<http.RequestOptions, "protocol" | "host" | "port" | "path"> {
  agent: http.Agent;
}

export function targetOf(url: URL, agents: Record<"http" | "https", http.Agent>): Target {
  return {
    protocol: url.protocol,
    host: bareHost(url.hostname),
    port: url.port,
    path: url.pathname + url.search,
    agent: url.protocol === "https:" ? agents.https : agents.http,
  };
}

/** Resolves with the answer, rejects with Unanswered. */
export function post(
  target: Target,
  { headers, body }: WebhookRequest,
  deadline: Pick<Deadline, "onEnd">,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = http.request({ ...target, method: "POST", headers });
  let connected = false;
  let answered = false;
  const onConnect = () => {
    connected = true;
  };
  request.on("socket", (socket) => {
    if (request.reusedSocket && !isUnderWay(socket)) onConnect();
    else socket.once(target.protocol === "https:" ? "secureConnect" : "connect", onConnect);
  });
  request.on("response", (response) => {
    answered = true;
    const { statusCode = 0, headers } = response;
    readFirstBytes(response, (body) => resolve({ status: statusCode, headers, body }));
  });
  const onEnd = (error?: Error) => {
    if (answered) return;
    reject(new Unanswered(error ?? new Error("the connection was closed without an answer"), connected));
  };
  request.on("error", onEnd);
  request.on("close", onEnd);
  deadline.onEnd(() => request.destroy());
  request.end(body);
  return promise;
}

/** Whether a socket still connects: the agent keeps one too whose first request was aborted before that. */
function isUnderWay(socket: Socket): boolean {
  return socket.connecting || ("secureConnecting" in socket && socket.secureConnecting === true);
}

/**
 * Gives what of the body comes in time; the rest is never read. Never fails: the status has said what matters,
 * and a body that broke off is as good as a short one. By events, since an async iterator costs 2 µs.
 */
function readFirstBytes(response: http.IncomingMessage, done: (text: string) => void): void {
  const timer = setTimeout(() => response.destroy(), drainTimeoutMs);
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    // Destroys its connection, too.
    if (bytes >= drainMaxBytes) response.destroy();
  });
  // However it ended; after a whole body, the agent has its connection back by then.
  response.on("close", () => {
    clearTimeout(timer);
    done(Buffer.concat(chunks).toString("utf8", 0, bodyMaxBytes));
  });
}
