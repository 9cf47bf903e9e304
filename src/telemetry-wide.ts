import type { Channel, OutcomeKind, Priority } from "./channels/channel.ts";
import type { Fields, Level } from "./telemetry-logging.ts";
import { parseTraceparent, type TraceContext } from "./trace-context.ts";

/**
 * The three wide lines: all that is known of a request, of a notification and of an attempt, in one line each, when it is
 * known. They hold ids, never an address, a name, or a word of a message or of a provider.
 */

/** Of a request, filled in while it is answered. */
export interface RequestFacts {
  requestId: string;
  projectId?: string;
  keyId?: string;
  /** What it accepted: the first one's id, and how many. */
  notificationId?: string;
  notifications?: number;
  trace: TraceContext | null;
  /** Of an error. */
  code?: string;
  bytesIn?: number;
  bytesOut?: number;
}

export interface AnswerFacts {
  method: string;
  /** As the API writes it, so that no id stands in it. */
  route: string;
  status: number;
  ms: number;
}

/** Of a notification that was planned just now. */
export interface PlanFacts {
  id: string;
  projectId: string;
  userId: string;
  test: boolean;
  priority: Priority;
  status: string;
  /** By channel: `send`, `store`, or why it is skipped. */
  decisions: Partial<Record<Channel, string>>;
  /** From its acceptance, in milliseconds; null where it was scheduled. */
  waitedMs: number | null;
  trace: TraceContext | null;
}

/** Of an attempt that has ended. */
export interface AttemptFacts {
  deliveryId: string;
  notificationId: string;
  projectId: string;
  userId: string;
  channel: Channel;
  priority: Priority;
  provider: string;
  tries: number;
  outcome: OutcomeKind;
  /** What the delivery became, and why. */
  status: string;
  reason: string | null;
  answer: string;
  ms: number;
  retryAtMs: number | null;
  trace: TraceContext | null;
}

interface Options {
  isWritten: (at: Level) => boolean;
  log: (at: Level, message: string, fields: Fields) => void;
  /** The share of what went well that is written, 0 to 1. */
  sample: number;
}

export function createWideLines({ isWritten, log, sample }: Options) {
  /** By the trace or the notification, so that all lines of one are written or none. What went wrong always is. */
  const isChosen = (id: string) => sample >= 1 || Bun.hash.xxHash32(id) < sample * 2 ** 32;
  const idOf = (trace: TraceContext | null, otherwise: string) => traceIdOf(trace) ?? otherwise;

  return {
    request(facts: RequestFacts, { method, route, status, ms }: AnswerFacts): void {
      const at = status >= 500 ? "warn" : "info";
      if (!isWritten(at)) return;
      const { requestId, notificationId, trace } = facts;
      if (status < 400 && !isChosen(idOf(trace, notificationId ?? requestId))) return;
      log(at, "request", {
        request_id: requestId,
        method,
        route,
        status,
        ms: rounded(ms),
        project_id: facts.projectId,
        key_id: facts.keyId,
        notification_id: notificationId,
        notifications: facts.notifications,
        trace_id: traceIdOf(trace),
        code: facts.code,
        bytes_in: facts.bytesIn,
        bytes_out: facts.bytesOut,
      });
    },

    /** Whether any line of a notification is written at all: then facts are put together for it. */
    tellsPlans: () => isWritten("info"),

    planned(facts: PlanFacts): void {
      const { id, trace, status } = facts;
      if (status !== "skipped" && !isChosen(idOf(trace, id))) return;
      log("info", "notification", {
        notification_id: id,
        project_id: facts.projectId,
        user_id: facts.userId,
        test: facts.test ? true : undefined,
        priority: facts.priority,
        status,
        decisions: facts.decisions,
        waited_ms: facts.waitedMs ?? undefined,
        trace_id: traceIdOf(trace),
      });
    },

    attempted(facts: AttemptFacts): void {
      const at = facts.outcome === "sent" ? "info" : "warn";
      if (!isWritten(at)) return;
      const { notificationId, trace, retryAtMs } = facts;
      if (at === "info" && !isChosen(idOf(trace, notificationId))) return;
      log(at, "attempt", {
        delivery_id: facts.deliveryId,
        notification_id: notificationId,
        project_id: facts.projectId,
        user_id: facts.userId,
        channel: facts.channel,
        priority: facts.priority,
        provider: facts.provider,
        tries: facts.tries,
        outcome: facts.outcome,
        status: facts.status,
        reason: facts.reason ?? undefined,
        answer: codeOf(facts.answer),
        ms: rounded(facts.ms),
        retry_at: retryAtMs === null ? undefined : new Date(retryAtMs).toISOString(),
        trace_id: traceIdOf(trace),
      });
    },
  };
}

const traceIdOf = (trace: TraceContext | null) =>
  trace === null ? undefined : parseTraceparent(trace.traceparent)?.traceId;

const rounded = (ms: number) => Math.round(ms * 100) / 100;

/** HTTP's status, SMTP's reply with its enhanced code (RFC 3463), or the system's own name for a failure. */
const codePattern =
  /^(?:HTTP \d{3}|[245]\d\d(?:[ -][245]\.\d{1,3}\.\d{1,3})?)(?![\w.])|\b(?:E[A-Z]{4,20}|no answer)\b/;

/** Of a provider's answer the code alone: its words may repeat an address. */
const codeOf = (answer: string): string | undefined => codePattern.exec(answer)?.[0];
