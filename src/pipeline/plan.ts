import type { NotificationStatus } from "../../db/queries/notifications.ts";
import { addressOf, type Channel, channels, type Profile } from "../channels/channel.ts";
import type { NotificationEvent } from "../ports.ts";
import type { Reason } from "./state.ts";

/** What becomes of a notification on one channel. */
export type Decision =
  | { channel: Channel; does: "send" }
  /** The inbox needs no provider: its row is its delivery. */
  | { channel: Channel; does: "store" }
  | { channel: Channel; does: "skip"; reason: Reason };

/** What the service can send by. A test key's notifications go to the test provider, on every channel. */
export type Reachable = (channel: Channel) => boolean;

/** A user nobody described yet: reached by the inbox alone. */
export function bareProfile(id: string): Profile {
  return { id, email: null, phone: null, webhookUrl: null, name: null, locale: null, timezone: null };
}

/**
 * Decides who gets what on which channel. Pure: no I/O, no clock of its own. Every channel that was asked
 * for has a decision with its reason, and at least one decision is always made.
 */
export function plan(
  notification: Pick<NotificationEvent, "channels" | "expiresAt" | "test">,
  user: Profile,
  reachable: Reachable,
  nowMs: number,
): Decision[] {
  const wanted = notification.channels ?? channels.filter((channel) => addressOf(user, channel) !== null);
  const expired = notification.expiresAt !== null && notification.expiresAt <= nowMs;
  return [...new Set(wanted)].map((channel): Decision => {
    if (expired) return { channel, does: "skip", reason: "expired" };
    if (channel === "inbox") return { channel, does: "store" };
    if (addressOf(user, channel) === null) return { channel, does: "skip", reason: "no_address" };
    if (!notification.test && !reachable(channel)) return { channel, does: "skip", reason: "no_provider" };
    return { channel, does: "send" };
  });
}

/** The notification's own status, as soon as its plan is made. */
export function outcomeOf(decisions: Decision[]): { status: NotificationStatus; reason: Reason | null } {
  if (decisions.some(({ does }) => does === "send")) return { status: "processing", reason: null };
  if (decisions.some(({ does }) => does === "store")) return { status: "sent", reason: null };
  const [first] = decisions;
  return { status: "skipped", reason: first?.does === "skip" ? first.reason : null };
}

/**
 * Longer than a request waits until it is stored, and its statement runs, in milliseconds. What may expire meanwhile is planned
 * afterwards, when it is known whether it has.
 */
const storedWithinMs = 60_000;

/** With which status a notification is stored. */
export type FirstStatus = "scheduled" | "pending" | "sent";

/**
 * What is for the inbox alone is planned without knowing its user, and so it is stored as sent, together with its delivery. It
 * takes no place in the event log: 22 µs of both cores in place of 36, and the inbox has it before its 202.
 */
export function firstStatusOf(
  {
    channels,
    sendAtMs,
    expiresAtMs,
  }: { channels: Channel[] | null; sendAtMs: number | null; expiresAtMs: number | null },
  nowMs: number,
): FirstStatus {
  if (sendAtMs !== null && sendAtMs > nowMs) return "scheduled";
  const mayExpire = expiresAtMs !== null && expiresAtMs <= nowMs + storedWithinMs;
  return !mayExpire && channels?.every((channel) => channel === "inbox") ? "sent" : "pending";
}

/** The plan of what was stored as sent. */
export const inboxAlone: Decision[] = [{ channel: "inbox", does: "store" }];
