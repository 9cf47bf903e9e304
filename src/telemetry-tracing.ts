import {
  type Attributes,
  type Context,
  createTraceState,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace as traces,
} from "@opentelemetry/api";
import type { Priority } from "./channels/channel.ts";
import type { AnswerFacts, AttemptFacts, PlanFacts, RequestFacts } from "./telemetry-wide.ts";
import { parseTraceparent, type TraceContext, traceparentOf } from "./trace-context.ts";

/**
 * What happened → its spans, from a request to the provider across the event log, named as OpenTelemetry's conventions for
 * HTTP and messaging have it. A notification has a span of its own in each stage, though stages work in batches: its
 * context is kept with it, so that an attempt hangs under it hours later and in another process, too.
 */
export interface Tracing {
  /** A request began, in the trace of its caller or in one of its own. */
  requestBegan(parent: TraceContext | null): OpenSpan<[RequestFacts, AnswerFacts]>;
  /**
   * These are about to be stored. From then on each stands in a span of its own, whose context its `trace` is. Ends with
   * those that were stored, or with why none were.
   */
  acceptBegan(notifications: Accepted[]): (stored: (id: string) => boolean, error?: unknown) => void;
  /** Whether spans of this trace are kept: nothing need be put together for one that is not. */
  keeps(trace: TraceContext | null): boolean;
  /** It was planned between these times, in milliseconds since the epoch. */
  planned(facts: PlanFacts, from: number, to: number): void;
  /** What is sent carries this span's context. */
  attemptBegan(parent: TraceContext | null): OpenSpan<[AttemptFacts]>;
  /** Sends what waits, for so many milliseconds at most. */
  close(timeMs: number): Promise<void>;
}

export interface OpenSpan<Facts extends unknown[]> {
  /** Where what hangs under it stands. */
  context: TraceContext;
  end(...facts: Facts): void;
}

interface Accepted {
  id: string;
  priority: Priority;
  trace: TraceContext | null;
}

interface Needs {
  tracer: Tracer;
  /** What carries events, as OpenTelemetry calls it, and the names of its lanes. */
  messaging: { system: string; destinationOf(lane: Priority): string };
  close(timeMs: number): Promise<void>;
}

const sampledFlag = 0b01;
/** The id's last 56 bits are random (level 2): whoever follows is told, since the SDK keeps the other flag alone. */
const randomFlag = 0b10;

export function createTracing({ tracer, messaging, close }: Needs): Tracing {
  const start = (name: string, kind: SpanKind, parent: TraceContext | null, attributes: Attributes = {}) =>
    tracer.startSpan(name, { kind, attributes }, contextOf(parent));

  const ofMessage = (operation: string, type: string, id: string, lane: Priority): Attributes => ({
    "messaging.system": messaging.system,
    "messaging.operation.name": operation,
    "messaging.operation.type": type,
    "messaging.destination.name": messaging.destinationOf(lane),
    "messaging.message.id": id,
  });

  return {
    requestBegan(parent) {
      const span = start("HTTP", SpanKind.SERVER, parent);
      return {
        context: traceOf(span, parent),
        end({ requestId, projectId, code }, { method, route, status }) {
          span.updateName(`${method} ${route}`);
          span.setAttributes({
            "http.request.method": method === "other" ? "_OTHER" : method,
            "http.route": route,
            "http.response.status_code": status,
            "url.scheme": "http",
            "carillon.request.id": requestId,
            ...(projectId === undefined ? {} : { "carillon.project.id": projectId }),
          });
          if (status >= 400 && code !== undefined) span.setAttribute("error.type", code);
          // What the client did wrong is no error of the server's.
          if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
          span.end();
        },
      };
    },

    acceptBegan(notifications) {
      const parent = notifications[0]?.trace ?? null;
      const accept = start("accept", SpanKind.INTERNAL, parent, {
        "carillon.notifications": notifications.length,
      });
      const above = traceOf(accept, parent);
      if (!accept.isRecording()) {
        // Spans that nobody will see need no ids of their own: a thousand of them took a bulk 0.7 ms.
        for (const notification of notifications) notification.trace = above;
        return () => {};
      }
      const created = notifications.map((notification) => {
        const { id, priority } = notification;
        const name = `create ${messaging.destinationOf(priority)}`;
        const span = start(name, SpanKind.PRODUCER, above, ofMessage("create", "create", id, priority));
        notification.trace = traceOf(span, above);
        return { id, span };
      });
      return (stored, error) => {
        // One that was not stored is none: its span is never ended, and so never sent.
        for (const { id, span } of created) if (stored(id)) span.end();
        if (error !== undefined) fail(accept, error instanceof Error ? error.name : "error");
        accept.end();
      };
    },

    keeps: (trace) => ((trace && parseTraceparent(trace.traceparent)?.flags) ?? 0) % 2 === sampledFlag,

    planned({ id, projectId, userId, priority, status, decisions, trace }, from, to) {
      const attributes = {
        ...ofMessage("process", "process", id, priority),
        "carillon.project.id": projectId,
        "carillon.user.id": userId,
        "carillon.status": status,
        ...Object.fromEntries(
          Object.entries(decisions).map(([channel, decision]) => [`carillon.decision.${channel}`, decision]),
        ),
      };
      const name = `process ${messaging.destinationOf(priority)}`;
      tracer
        .startSpan(name, { kind: SpanKind.CONSUMER, attributes, startTime: from }, contextOf(trace))
        .end(to);
    },

    attemptBegan(parent) {
      const span = start("attempt", SpanKind.CLIENT, parent);
      return {
        context: traceOf(span, parent),
        end({ channel, provider, deliveryId, notificationId, projectId, userId, tries, outcome, answer }) {
          const status = /^HTTP (\d{3})/.exec(answer)?.[1];
          span.updateName(`attempt ${channel}`);
          span.setAttributes({
            "carillon.channel": channel,
            "carillon.provider": provider,
            "carillon.delivery.id": deliveryId,
            "carillon.notification.id": notificationId,
            "carillon.project.id": projectId,
            "carillon.user.id": userId,
            "carillon.tries": tries,
            "carillon.outcome": outcome,
            ...(provider === "webhook" ? { "http.request.method": "POST" } : {}),
            ...(status === undefined ? {} : { "http.response.status_code": Number(status) }),
          });
          if (outcome !== "sent") fail(span, status ?? outcome);
          span.end();
        },
      };
    },

    close,
  };
}

function fail(span: Span, type: string): void {
  span.setAttribute("error.type", type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** As the SDK has it. */
function contextOf(trace: TraceContext | null): Context {
  const parent = trace === null ? null : parseTraceparent(trace.traceparent);
  if (trace === null || parent === null) return ROOT_CONTEXT;
  const { traceId, spanId, flags } = parent;
  return traces.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: flags & ~randomFlag,
    isRemote: true,
    ...(trace.tracestate === null ? {} : { traceState: createTraceState(trace.tracestate) }),
  });
}

function traceOf(span: Span, parent: TraceContext | null): TraceContext {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  const given = parent === null ? 0 : (parseTraceparent(parent.traceparent)?.flags ?? 0);
  return {
    traceparent: traceparentOf({ traceId, spanId, flags: traceFlags | (given & randomFlag) }),
    tracestate: traceState?.serialize() || null,
  };
}
