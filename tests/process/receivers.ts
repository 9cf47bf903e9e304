/** What the deliveries of a process test arrive at: a webhook receiver and a mail server in this process. */
import { randomBytes } from "node:crypto";
import {
  type HttpCall,
  type HttpSink,
  type SmtpSink,
  startHttpSink,
  startSmtpSink,
} from "../channels/sinks.ts";

export interface Receivers extends AsyncDisposable {
  http: HttpSink;
  smtp: SmtpSink;
  /** The service's settings that lead here. */
  env: Record<string, string>;
  secret: string;
}

export async function startReceivers(): Promise<Receivers> {
  const http = startHttpSink();
  const smtp = await startSmtpSink();
  const secret = `whsec_${randomBytes(32).toString("base64")}`;
  return {
    http,
    smtp,
    secret,
    env: {
      SMTP_URL: smtp.url,
      EMAIL_FROM: "carillon@example.test",
      WEBHOOK_SECRET: secret,
      WEBHOOK_ALLOW_PRIVATE: "1",
    },
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]();
      await smtp[Symbol.asyncDispose]();
    },
  };
}

/** How often each notification arrived, by its id. */
export function arrivals(calls: HttpCall[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { body } of calls) {
    const { id } = (JSON.parse(body) as { data: { id: string } }).data;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

/** How many arrived beyond the first of their kind. */
export function duplicatesIn(counts: Map<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count - 1, 0);
}
