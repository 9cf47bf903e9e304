import { createHmac } from "node:crypto";
import { traceHeadersOf } from "../trace-context.ts";
import { type Message, retryAfterMaxMs } from "./channel.ts";

/** The outbound webhook, by Standard Webhooks 1.0 (https://www.standardwebhooks.com). */

const secretPrefix = "whsec_";
const secretMinBytes = 24;
const secretMaxBytes = 64;

export interface WebhookRequest {
  headers: Record<string, string>;
  body: string;
}

/** What is wrong with a signing secret, as a sentence for the operator, or null. */
export function webhookSecretFault(secret: string): string | null {
  if (!secret.startsWith(secretPrefix)) return `It must start with "${secretPrefix}".`;
  const encoded = secret.slice(secretPrefix.length);
  const key = Buffer.from(encoded, "base64");
  // Buffer skips what is not base64, so a mistyped secret would quietly become another one.
  if (key.toString("base64") !== encoded) return `It must be base64 (with padding) after "${secretPrefix}".`;
  if (key.length < secretMinBytes || key.length > secretMaxBytes) {
    return `It must hold ${secretMinBytes} to ${secretMaxBytes} bytes, and this one holds ${key.length}.`;
  }
  return null;
}

/**
 * The request of one attempt. `webhook-id` is the delivery's id and the same on each attempt, so that the
 * receiver can drop a repetition; the time and with it the signature are the attempt's own, since receivers
 * refuse what was signed more than five minutes ago.
 */
export function webhookRequest(
  message: Message,
  { secret, now }: { secret: string; now: Date },
): WebhookRequest {
  const body = JSON.stringify({
    type: "notification",
    timestamp: now.toISOString(),
    data: {
      id: message.notificationId,
      user_id: message.user.id,
      title: message.title,
      body: message.body,
      priority: message.priority,
      data: message.data,
      metadata: message.metadata,
      created_at: message.createdAt.toISOString(),
    },
  });
  const timestamp = Math.floor(now.getTime() / 1000).toString();
  const signature = sign(secret, `${message.deliveryId}.${timestamp}.${body}`);
  return {
    body,
    headers: {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body).toString(),
      "user-agent": "Carillon",
      "webhook-id": message.deliveryId,
      "webhook-timestamp": timestamp,
      "webhook-signature": `v1,${signature}`,
      ...traceHeadersOf(message.trace),
    },
  };
}

function sign(secret: string, content: string): string {
  const key = Buffer.from(secret.slice(secretPrefix.length), "base64");
  return createHmac("sha256", key).update(content).digest("base64");
}

/**
 * The wait that a Retry-After header (RFC 9110 §10.2.3: seconds or an HTTP date) asks for, in milliseconds
 * from `now`, at most `retryAfterMaxMs`. Undefined without one that makes sense.
 */
export function retryAfterOf(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined;
  const waitMs = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now.getTime();
  if (Number.isNaN(waitMs)) return undefined;
  return Math.min(Math.max(waitMs, 0), retryAfterMaxMs);
}
