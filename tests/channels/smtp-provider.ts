/** The SMTP provider as tests use it. */
import type { Outcome } from "../../src/channels/channel.ts";
import { createSmtpProvider, type SmtpProviderOptions } from "../../src/channels/providers/smtp.ts";
import { aMessage, never } from "./message.ts";
import type { SmtpSink } from "./sinks.ts";

/** One that is closed when it is disposed of. */
export function connect({ url }: { url: string }, options: Partial<SmtpProviderOptions> = {}) {
  const settings = { url, from: "Shop <shop@example.com>", connections: 2, timeoutMs: 5000, ...options };
  const provider = createSmtpProvider(settings);
  return { ...provider, [Symbol.asyncDispose]: async () => provider.close?.() };
}

/** What becomes of one message, by a provider of its own. */
export async function sendOne(sink: SmtpSink, options: Partial<SmtpProviderOptions> = {}): Promise<Outcome> {
  await using provider = connect(sink, options);
  return await provider.send(aMessage(), never);
}
