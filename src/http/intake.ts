import { newId } from "../../db/id.ts";
import type { Json, Profile } from "../channels/channel.ts";
import { webhookUrlFault } from "../channels/webhook-address.ts";
import type { Fault } from "../errors.ts";
import type { NewNotification } from "../pipeline/accept.ts";
import { firstStatusOf } from "../pipeline/plan.ts";
import type { TraceContext } from "../trace-context.ts";
import { validationError } from "./problem.ts";
import type { NotificationInput } from "./schemas.ts";

interface IntakeOptions {
  projectId: string;
  test: boolean;
  allowPrivate: boolean;
  nowMs: number;
  trace: TraceContext | null;
  /** Where the input stands in the body, as the start of its JSON pointers. */
  pointer: string;
}

/** How far ahead a notification can be scheduled. */
const sendAheadMaxMs = 366 * 86_400_000;

/** Of a valid input the notification that will be stored; what its schema cannot know is checked here. */
export function newNotification(input: NotificationInput, options: IntakeOptions): NewNotification {
  const { projectId, test, nowMs, trace } = options;
  const sendAtMs = input.send_at === undefined ? null : Date.parse(input.send_at);
  const expiresAtMs = input.expires_at === undefined ? null : Date.parse(input.expires_at);
  const profile = typeof input.to === "string" ? null : profileOf(input.to.user_id, input.to);
  const channels = input.channels === undefined ? null : [...new Set(input.channels)];
  const faults = [
    ...timeFaults(sendAtMs, expiresAtMs, options),
    ...(profile === null
      ? []
      : privateFaults(profile.webhookUrl, `${options.pointer}/to/webhook_url`, options)),
  ];
  if (faults.length > 0) throw validationError(faults);
  return {
    id: newId(nowMs),
    status: firstStatusOf({ channels, sendAtMs, expiresAtMs }, nowMs),
    projectId,
    test,
    profile,
    userId: typeof input.to === "string" ? input.to : input.to.user_id,
    channels,
    priority: input.priority,
    title: input.title,
    body: input.body,
    data: (input.data as Json | undefined) ?? null,
    metadata: (input.metadata as Json | undefined) ?? null,
    sendAtMs,
    expiresAtMs,
    trace,
  };
}

function timeFaults(
  sendAtMs: number | null,
  expiresAtMs: number | null,
  { nowMs, pointer }: IntakeOptions,
): Fault[] {
  if (sendAtMs === null) return [];
  if (sendAtMs > nowMs + sendAheadMaxMs) {
    return [{ pointer: `${pointer}/send_at`, detail: "is more than a year ahead" }];
  }
  if (expiresAtMs !== null && sendAtMs > nowMs && expiresAtMs <= sendAtMs) {
    return [
      { pointer: `${pointer}/expires_at`, detail: "is not after send_at, so that it would never be sent" },
    ];
  }
  return [];
}

/** A webhook to a private address is refused when it is given; it is checked again when it is called. */
export function privateFaults(
  url: string | null,
  pointer: string,
  { allowPrivate }: { allowPrivate: boolean },
): Fault[] {
  const detail = url === null ? null : webhookUrlFault(url, { allowPrivate });
  return detail === null ? [] : [{ pointer, detail }];
}

/** The profile in an input. What was left out, or given as null, is null. */
export function profileOf(
  id: string,
  given: {
    email?: string | null | undefined;
    phone?: string | null | undefined;
    webhook_url?: string | null | undefined;
    name?: string | null | undefined;
    locale?: string | null | undefined;
    timezone?: string | null | undefined;
  },
): Profile {
  return {
    id,
    email: given.email ?? null,
    phone: given.phone ?? null,
    webhookUrl: given.webhook_url ?? null,
    name: given.name ?? null,
    locale: given.locale ?? null,
    timezone: given.timezone ?? null,
  };
}
