/** A webhook provider that tests call, and what it signs with. */
import { randomBytes } from "node:crypto";
import { createWebhookProvider, type WebhookProviderOptions } from "../../src/channels/providers/webhook.ts";
import type { Lookup } from "../../src/channels/webhook-address.ts";
import { aMessage, never } from "./message.ts";

export const secret = `whsec_${randomBytes(32).toString("base64")}`;
export const loopback: Lookup = async () => [{ address: "127.0.0.1", family: 4 }];

export const connections = 32;

export function createCaller(options: Partial<WebhookProviderOptions> = {}) {
  const provider = createWebhookProvider({
    secret,
    allowPrivate: true,
    connections,
    timeoutMs: 5000,
    ...options,
  });
  return {
    call: (webhookUrl: string, signal = never) =>
      provider.send(aMessage({ channel: "webhook", user: { webhookUrl } }), signal),
    [Symbol.asyncDispose]: async () => provider.close?.(),
  };
}

export async function callOnce(url: string, options: Partial<WebhookProviderOptions> = {}) {
  await using caller = createCaller(options);
  return await caller.call(url);
}
