import { z } from "zod";
import { parseMailbox } from "./channels/email.ts";
import { webhookSecretFault } from "./channels/webhook.ts";
import { durations, flag, integer, oneOf, setting, share, text, urlOf } from "./config-setting.ts";

/** The service itself: where it listens, what it sends by, how it retries and stops. */
export const serviceSettings = {
  port: setting({
    name: "PORT",
    default: "3000",
    unit: "TCP port",
    sentence: "Where the API listens; 0 takes any free port.",
    schema: integer(0, 65_535),
  }),
  host: setting({
    name: "HOST",
    default: "127.0.0.1",
    unit: "address",
    sentence: "On which address; 0.0.0.0 for all of them. Loopback unless said otherwise.",
    schema: text,
  }),
  dataDir: setting({
    name: "DATA_DIR",
    default: "./data",
    unit: "folder",
    sentence: "Where the embedded database lies.",
    schema: text,
  }),
  adminKey: setting({
    name: "ADMIN_KEY",
    default: null,
    unit: "text",
    sentence: "An admin key of your own (32 characters or more) instead of the one made at the first start.",
    schema: z
      .string()
      .min(32, "has fewer than 32 characters")
      .max(255, "has more than 255 characters")
      .regex(/^[\x21-\x7e]+$/, "has characters that do not fit in a header"),
    secret: true,
  }),
  smtpUrl: setting({
    name: "SMTP_URL",
    default: null,
    unit: "URL",
    sentence: "The server that takes email, as smtp://user:password@host:587 or smtps://…:465.",
    schema: urlOf("smtp:", "smtps:"),
    secret: true,
  }),
  emailFrom: setting({
    name: "EMAIL_FROM",
    default: "Carillon <carillon@localhost.localdomain>",
    unit: "address",
    sentence: "The sender of every email.",
    schema: z
      .string()
      .refine((text) => parseMailbox(text) !== null, "is no address such as News <news@example.com>"),
  }),
  emailConnections: setting({
    name: "EMAIL_CONNECTIONS",
    default: "5",
    unit: "connections",
    sentence:
      "How many emails the process sends at the same time; its workers share them, with at least 1 each.",
    schema: integer(1, 100),
  }),
  webhookSecret: setting({
    name: "WEBHOOK_SECRET",
    default: null,
    unit: "whsec_…",
    sentence: "Signs webhooks (Standard Webhooks 1.0): whsec_ and 24 to 64 random bytes in base64.",
    schema: z.string().superRefine((secret, context) => {
      const fault = webhookSecretFault(secret);
      if (fault !== null) context.addIssue({ code: "custom", message: fault });
    }),
    secret: true,
  }),
  webhookAllowPrivate: setting({
    name: "WEBHOOK_ALLOW_PRIVATE",
    default: "0",
    unit: "0 or 1",
    sentence: "Whether a webhook may go to a private address (this machine, the local network).",
    schema: flag,
  }),
  webhookConnections: setting({
    name: "WEBHOOK_CONNECTIONS",
    default: "64",
    unit: "requests",
    sentence:
      "How many webhooks of the process are under way at the same time; its workers share them, with at least 1 each.",
    schema: integer(1, 256),
  }),
  sendTimeoutMs: setting({
    name: "SEND_TIMEOUT_MS",
    default: "15000",
    unit: "ms",
    sentence: "How long a provider may take to answer one attempt.",
    schema: integer(10, 60_000),
  }),
  retrySchedule: setting({
    name: "RETRY_SCHEDULE",
    default: "5s,30s,2m,10m,1h,3h,8h",
    unit: "durations",
    sentence: "The waits between the attempts of a delivery, each ±20 %. After the last it has failed.",
    schema: durations,
  }),
  sweepIntervalMs: setting({
    name: "SWEEP_INTERVAL_MS",
    default: "500",
    unit: "ms",
    sentence: "How often the database is asked for what is due.",
    schema: integer(10, 60_000),
  }),
  leaseMs: setting({
    name: "LEASE_MS",
    default: "120000",
    unit: "ms",
    sentence: "After how long another process may take over what one has taken and not finished.",
    schema: integer(1000, 3_600_000),
  }),
  pendingGraceMs: setting({
    name: "PENDING_GRACE_MS",
    default: "30000",
    unit: "ms",
    sentence: "After how long an accepted notification that was not planned is published again.",
    schema: integer(100, 3_600_000),
  }),
  bodyLimitBytes: setting({
    name: "BODY_LIMIT_BYTES",
    default: "262144",
    unit: "bytes",
    sentence: "The largest body of a request, but for bulk.",
    schema: integer(1024, 16_777_216),
  }),
  bulkBodyLimitBytes: setting({
    name: "BULK_BODY_LIMIT_BYTES",
    default: "8388608",
    unit: "bytes",
    sentence: "The largest body of a bulk request.",
    schema: integer(1024, 67_108_864),
  }),
  retentionDays: setting({
    name: "RETENTION_DAYS",
    default: "90",
    unit: "days",
    sentence:
      "How long notifications are kept at least: they are dropped by the day, above 14 by the week and so up to a week later, but none with something still due.",
    schema: integer(1, 3650),
  }),
  drainMs: setting({
    name: "DRAIN_MS",
    default: "7000",
    unit: "ms",
    sentence: "How long SIGTERM waits for what is in flight before it cuts it off.",
    schema: integer(0, 60_000),
  }),
  leaveMs: setting({
    name: "LEAVE_MS",
    default: "0",
    unit: "ms",
    sentence:
      "How long after SIGTERM requests are still taken while /readyz says no: as long as a proxy needs to send them elsewhere.",
    schema: integer(0, 60_000),
  }),
  logLevel: setting({
    name: "LOG_LEVEL",
    default: "info",
    unit: "debug, info, warn, error",
    sentence: "The least important lines that are printed.",
    schema: oneOf("debug", "info", "warn", "error"),
  }),
  logSample: setting({
    name: "LOG_SAMPLE",
    default: "1",
    unit: "share",
    sentence:
      "The share, 0 to 1, of the requests, notifications and attempts that went well of which a line is printed; what failed always has one.",
    schema: share,
  }),
};
