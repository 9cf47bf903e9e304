import http from "node:http";
import https from "node:https";
import type { LookupFunction, Socket } from "node:net";
import type { WebhookRequest } from "./webhook.ts";

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

export interface Connecting {
  agents: { http: http.Agent; https: https.Agent };
  lookup: LookupFunction;
  signal: AbortSignal;
}

/** Resolves with the answer, rejects with Unanswered. */
export function post(
  url: URL,
  { headers, body }: WebhookRequest,
  { agents, ...connecting }: Connecting,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const secure = url.protocol === "https:";
  const request = secure
    ? https.request(url, { ...connecting, method: "POST", headers, agent: agents.https })
    : http.request(url, { ...connecting, method: "POST", headers, agent: agents.http });
  let connected = false;
  let answered = false;
  const onConnect = () => {
    connected = true;
  };
  request.once("socket", (socket) => {
    if (request.reusedSocket && !isUnderWay(socket)) onConnect();
    else socket.once(secure ? "secureConnect" : "connect", onConnect);
  });
  request.once("response", async (response) => {
    answered = true;
    const { statusCode = 0, headers } = response;
    resolve({ status: statusCode, headers, body: await firstBytes(response) });
  });
  const onEnd = (error: unknown) => {
    if (!answered) reject(new Unanswered(error, connected));
  };
  request.on("error", onEnd);
  request.once("close", () => onEnd(new Error("the connection was closed without an answer")));
  request.end(body);
  return promise;
}

/** Whether a socket still connects: the agent keeps one too whose first request was aborted before that. */
function isUnderWay(socket: Socket): boolean {
  return socket.connecting || ("secureConnecting" in socket && socket.secureConnecting === true);
}

/** What of the body comes in time; the rest is never read. Never throws: the status has said what matters. */
async function firstBytes(response: http.IncomingMessage): Promise<string> {
  const timer = setTimeout(() => response.destroy(), drainTimeoutMs);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      chunks.push(chunk);
      bytes += chunk.length;
      // Leaving the loop destroys the stream, and its connection with it.
      if (bytes >= drainMaxBytes) break;
    }
  } catch {
    // A body that broke off is as good as a short one.
  }
  clearTimeout(timer);
  return Buffer.concat(chunks).toString("utf8", 0, bodyMaxBytes);
}
