/** What the product knows of a channel and what it asks of a provider. */
import type { TraceContext } from "../trace-context.ts";

export const channels = ["email", "sms", "push", "inbox", "webhook", "chat"] as const;
export type Channel = (typeof channels)[number];

/** Channels that something outside of Carillon delivers. The inbox is a table: its insert is its delivery. */
export type ExternalChannel = Exclude<Channel, "inbox">;

export const priorities = ["critical", "high", "normal", "low"] as const;
export type Priority = (typeof priorities)[number];
/** What a notification has that names none. */
export const defaultPriority: Priority = "normal";

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** What a caller's own id of a user may be. */
export const userIdPattern = "^[!-\\-/-~][!-~]{0,127}$";

/** A user as far as delivering needs one. A field that was never given is null. */
export interface Profile {
  id: string;
  email: string | null;
  phone: string | null;
  webhookUrl: string | null;
  name: string | null;
  locale: string | null;
  timezone: string | null;
}

/** One delivery on its way out: the notification's content and the profile as it is now. */
export interface Message {
  /** Stable over every attempt, so that a receiver can tell a repetition. */
  deliveryId: string;
  notificationId: string;
  projectId: string;
  channel: ExternalChannel;
  user: Profile;
  title: string;
  body: string;
  priority: Priority;
  data: Json;
  metadata: Json;
  createdAt: Date;
  /** Where this attempt stands in a trace; null where the request named none. */
  trace: TraceContext | null;
}

/**
 * What became of one attempt, named by what happens next (`answer`: what the provider said, for people).
 * - `sent`: the provider took it.
 * - `retry`: it did not, and may later; `retryAfterMs` when the provider said when.
 * - `failed`: it never will (bad address, HTTP 410, SMTP 5xx).
 * - `ambiguous`: it may have taken it; we sent everything and heard nothing. Tried again, since a message
 *   twice is better than none, under the same delivery id.
 */
export type Outcome =
  | { kind: "sent"; answer: string }
  | { kind: "retry"; answer: string; retryAfterMs?: number }
  | { kind: "failed"; answer: string; reason: string }
  | { kind: "ambiguous"; answer: string };

export type OutcomeKind = Outcome["kind"];

/**
 * What sends on a channel. `send` never throws for what the other side does: that is an outcome. It settles
 * soon after `signal` aborts, with `ambiguous` if anything was sent by then.
 */
export interface Provider {
  name: string;
  send(message: Message, signal: AbortSignal): Promise<Outcome>;
  /** Whether the other side answers now, for `doctor`: throws an error whose message says what is wrong. */
  check?(): Promise<void>;
  /** How many hosts are left alone since they do not answer, of a provider that calls many. */
  silentHosts?(): number;
  close?(): Promise<void>;
}

export type Providers = Partial<Record<ExternalChannel, Provider>>;

/** Where a channel reaches this user, or null where it cannot. */
export function addressOf(user: Profile, channel: Channel): string | null {
  switch (channel) {
    case "email":
      return user.email;
    case "sms":
      return user.phone;
    case "webhook":
      return user.webhookUrl;
    case "inbox":
      return user.id;
    case "push":
    case "chat":
      return null;
  }
}

/** The longest provider answer that is kept, in characters. */
export const answerMaxChars = 500;

/** The longest wait that a provider can ask for, with Retry-After or otherwise. */
export const retryAfterMaxMs = 24 * 60 * 60 * 1000;
