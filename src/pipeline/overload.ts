import type { Priority } from "../channels/channel.ts";
import { ClientError } from "../errors.ts";

/** Whose requests are refused first, and so what they are told. */
export type Shed = Priority | "send" | "read" | "change";

/** Seconds after which a client may come back: spread, so that those who were refused together do not return together. */
const retryAfterMinSeconds = 1;
const retryAfterSpreadSeconds = 3;

/** 503 for one request more than can be answered in good time. */
export function overloaded(what: Shed): ClientError {
  const seconds = retryAfterMinSeconds + Math.floor(Math.random() * retryAfterSpreadSeconds);
  return new ClientError("overloaded", details[what], { headers: { "retry-after": String(seconds) } });
}

const stored = "Nothing of this request was stored; repeat it after the seconds in Retry-After.";

const details: Record<Shed, string> = {
  low: `More is sent than can be stored, and low priority waits first. ${stored}`,
  normal: `More is sent than can be stored. ${stored}`,
  high: `More is sent than can be stored, even of high priority. ${stored}`,
  critical: `More is sent than can be stored, even of critical priority. ${stored}`,
  send: `More bytes are being sent than can be held. ${stored}`,
  read: "More is being read than can be answered. Repeat this after the seconds in Retry-After.",
  change: "More is being changed than can be answered. Repeat this after the seconds in Retry-After.",
};
