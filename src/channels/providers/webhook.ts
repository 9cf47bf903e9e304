import type { IncomingHttpHeaders } from "node:http";
import type { LookupFunction } from "node:net";
import { LRUCache } from "lru-cache";
import { answerLine, errorLine } from "../answer.ts";
import type { Outcome, Provider } from "../channel.ts";
import { type Deadline, startDeadline } from "../deadline.ts";
import { createHostCircuit } from "../host-circuit.ts";
import { retryAfterOf, webhookRequest } from "../webhook.ts";
import {
  isPrivateHost,
  type Lookup,
  PrivateAddressError,
  resolvePublicAddress,
  webhookUrlFault,
} from "../webhook-address.ts";
import {
  type Answer,
  openWebhookClient,
  type Target,
  targetOf,
  Unanswered,
  type WebhookClient,
} from "../webhook-post.ts";

/** How many URLs are known as refused or where they lead; to read and judge one takes 3 µs. */
const verdictsMax = 1000;

export interface WebhookProviderOptions {
  /** `whsec_<base64>`. */
  secret: string;
  /** Whether private addresses may be called. */
  allowPrivate: boolean;
  /** To one host at the same time. */
  connections: number;
  /** From the name's lookup to the answer's head. */
  timeoutMs: number;
  lookup?: Lookup;
  /** Certificates to trust instead of the system's, PEM. */
  ca?: string;
  /** Milliseconds since the Unix epoch. */
  now?: () => number;
}

/**
 * Calls a user's webhook. Redirects are never followed: they could lead to where the guard does not look.
 *
 * Not by fetch: the addresses that were checked are the ones connected to, by the client's own `lookup`, so that no second
 * DNS answer can slip in between, and a connection kept alive stays with the address it was checked for. It also has to
 * tell whether anything was sent. Bun's fetch can do neither while keeping connections alive, and takes a proxy from the
 * environment.
 */
export function createWebhookProvider(options: WebhookProviderOptions): Provider {
  const { secret, allowPrivate, connections, timeoutMs, lookup, ca, now = Date.now } = options;
  const checkedLookup: LookupFunction = (hostname, { all }, done) => {
    resolvePublicAddress(hostname, { allowPrivate, lookup }).then(
      (addresses) => (all ? done(null, addresses) : done(null, addresses[0].address, addresses[0].family)),
      (error) => done(error, []),
    );
  };
  let client: Promise<WebhookClient> | undefined;
  const circuit = createHostCircuit({ callMaxMs: timeoutMs });
  const verdicts = new LRUCache<string, Outcome | Target>({
    max: verdictsMax,
    memoMethod: (text) => refusalOf(text, allowPrivate) ?? targetOf(new URL(text)),
  });

  return {
    name: "webhook",
    async send(message, signal) {
      const text = message.user.webhookUrl;
      if (text === null)
        return { kind: "failed", reason: "no_address", answer: "the user has no webhook URL" };
      const verdict = verdicts.memo(text);
      if ("kind" in verdict) return verdict;
      const { host } = verdict;
      const restMs = circuit.restOf(host, now());
      if (restMs > 0) return notTried(host, restMs);
      const request = webhookRequest(message, { secret, now: new Date(now()) });
      client ??= openWebhookClient({ connections, timeoutMs, lookup: checkedLookup, ca });
      const { post } = await client;
      using deadline = startDeadline(signal, timeoutMs);
      if (deadline.reason) return { kind: "retry", answer: deadline.reason };
      try {
        const answer = await post(verdict, request, deadline);
        circuit.answered(host);
        return outcomeOfAnswer(answer, { secret, now: new Date(now()) });
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
        // What fails at once takes no place from others.
        if (deadline.reason && !signal.aborted) circuit.unanswered(host, now());
        return outcomeOfSilence(error, deadline);
      }
    },
    silentHosts: circuit.silent,
    close: async () => (await client)?.close(),
  };
}

const notTried = (host: string, restMs: number): Outcome => ({
  kind: "retry",
  answer: answerLine(
    `not tried: ${host} left many calls in a row unanswered, and is left alone for another ${Math.ceil(restMs / 1000)} s`,
  ),
  retryAfterMs: restMs,
});

/** A stored URL is judged again: the rules may have tightened since. A literal address is never looked up. */
function refusalOf(text: string, allowPrivate: boolean): Outcome | null {
  const fault = webhookUrlFault(text, { allowPrivate });
  if (fault === null) return null;
  const url = URL.parse(text);
  const isPrivate = !allowPrivate && url !== null && isPrivateHost(url.hostname);
  return { kind: "failed", reason: isPrivate ? "private_address" : "bad_address", answer: fault };
}

/** Only 410 is for good: everything else can be a fault of the receiver's that someone repairs. */
function outcomeOfAnswer(
  { status, headers, body }: Answer,
  { secret, now }: { secret: string; now: Date },
): Outcome {
  if (status >= 200 && status < 300) return { kind: "sent", answer: `HTTP ${status}` };
  const answer = answerLine(
    `HTTP ${status}: ${explain(status, headers) ?? body}`,
    secret.replace(/^whsec_/, ""),
  );
  if (status === 410) return { kind: "failed", reason: "gone", answer };
  // One that came twice is a list, whatever its type says: the first counts.
  const [retryAfter] = [headers["retry-after"]].flat();
  const retryAfterMs = retryAfterOf(retryAfter, now);
  return retryAfterMs === undefined ? { kind: "retry", answer } : { kind: "retry", answer, retryAfterMs };
}

function explain(status: number, { location }: IncomingHttpHeaders): string | null {
  if (status < 300 || status >= 400) return null;
  return `redirects are not followed, so give the final address as the webhook URL (it points to ${location ?? "nowhere"})`;
}

function outcomeOfSilence({ cause, connected }: Unanswered, deadline: Deadline): Outcome {
  if (cause instanceof PrivateAddressError) {
    return { kind: "failed", reason: "private_address", answer: errorLine(cause) };
  }
  const answer = deadline.reason || errorLine(cause);
  return connected
    ? { kind: "ambiguous", answer: answerLine(`connected, then: ${answer}`) }
    : { kind: "retry", answer: answerLine(`not connected: ${answer}`) };
}
