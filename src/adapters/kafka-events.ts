import { z } from "zod";
import { channels, priorities, userIdPattern } from "../channels/channel.ts";
import type { NotificationEvent } from "../ports.ts";
import type { PoisonReason } from "../telemetry-kafka.ts";
import { parseTraceparent, tracestateMaxChars } from "../trace-context.ts";

/**
 * How an event stands in Kafka: JSON with a version. A field that old readers can do without may be added to
 * a version; what they would misread makes a new one.
 */
const version = 1;

/** As strict as the API, so that what the database would refuse (an id that is none, a NUL) is stopped here. */
const wire = z.object({
  v: z.literal(version),
  id: z.guid(),
  projectId: z.guid(),
  test: z.boolean(),
  userId: z.string().regex(new RegExp(userIdPattern)),
  priority: z.enum(priorities),
  channels: z.array(z.enum(channels)).nullable(),
  scheduled: z.boolean(),
  expiresAt: z.number().nullable(),
  profileAt: z.number().nullable(),
  /** Older events have none, and one that is not valid costs a trace, not a notification. */
  trace: z
    .object({
      traceparent: z.string().refine((text) => parseTraceparent(text) !== null),
      tracestate: z.string().max(tracestateMaxChars).nullable(),
    })
    .nullable()
    .default(null)
    .catch(null),
});

/** What a message holds, or why it is none of ours. */
export type Decoded = { event: NotificationEvent } | { poison: PoisonReason; detail: string };

export function encodeEvent(event: NotificationEvent): string {
  const { id, projectId, test, userId, priority, channels, scheduled, expiresAt, profileAt, trace } = event;
  return JSON.stringify({
    v: version,
    id,
    projectId,
    test,
    userId,
    priority,
    channels,
    scheduled,
    expiresAt,
    profileAt,
    ...(trace === null ? {} : { trace }),
  });
}

/** All events of a user have one key, hence one partition, hence an order. */
export const keyOf = ({ projectId, userId }: NotificationEvent): string => `${projectId}:${userId}`;

export function decodeEvent(value: Buffer | null): Decoded {
  if (value === null) return { poison: "no value", detail: "" };
  let json: unknown;
  try {
    json = JSON.parse(value.toString());
  } catch (error) {
    return { poison: "not JSON", detail: String(error) };
  }
  const parsed = wire.safeParse(json);
  if (parsed.success) {
    const { v: _, ...event } = parsed.data;
    return { event };
  }
  const [issue] = parsed.error.issues;
  const path = issue?.path.join(".") ?? "";
  return { poison: path === "v" ? "unknown version" : "wrong fields", detail: `${path}: ${issue?.message}` };
}
