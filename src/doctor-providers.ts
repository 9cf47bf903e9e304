import { type Config, settings } from "./config.ts";
import type { Check } from "./doctor-check.ts";
import { fail, ok, type Result, sentence, warn } from "./doctor-finding.ts";
import { providersOf } from "./parts.ts";

/** By what it would send. */
export const providerChecks: Check[] = [
  { name: "email", reads: ["smtpUrl", "emailFrom", "emailConnections", "sendTimeoutMs"], look: lookAtEmail },
  { name: "webhook", reads: ["webhookSecret", "webhookAllowPrivate"], look: lookAtWebhook },
];

async function lookAtEmail(config: Config): Promise<Result> {
  const { email } = providersOf({ ...config, webhookSecret: null }, null);
  if (email === undefined || config.smtpUrl === null) {
    return warn("no SMTP_URL: email is skipped.", "Set SMTP_URL to your mail server.");
  }
  const { host, username } = new URL(config.smtpUrl);
  try {
    await email.check?.();
  } catch (error) {
    return fail(
      sentence(`${host}: ${(error as Error).message}`),
      "Check SMTP_URL, or set it to another server.",
    );
  } finally {
    await email.close?.();
  }
  const found = `${host} answers${username === "" ? "" : " and takes the login"}.`;
  if (config.emailFrom !== settings.emailFrom.default) return ok(found);
  return warn(`${found} The sender is ${config.emailFrom}.`, "Set EMAIL_FROM: servers refuse such a sender.");
}

function lookAtWebhook({ webhookSecret, webhookAllowPrivate }: Config): Result {
  if (webhookSecret === null) {
    return warn(
      "no WEBHOOK_SECRET: webhooks are skipped.",
      "Make one: echo whsec_$(openssl rand -base64 32)",
    );
  }
  if (webhookAllowPrivate) {
    return warn(
      "webhooks may go to private addresses.",
      "Unset WEBHOOK_ALLOW_PRIVATE unless you trust all keys.",
    );
  }
  return ok("webhooks are signed, and go to public addresses only.");
}
