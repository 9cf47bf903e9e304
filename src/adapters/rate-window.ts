import type { RateLimit } from "../ports.ts";

/** Slots of a window: its resolution is a thousandth of its length. */
const slotsMax = 1_000;

/** The length of a slot: at least a millisecond. */
export const slotMsOf = (windowMs: number) => Math.max(1, Math.ceil(windowMs / slotsMax));

/**
 * A sliding window in slots, by the same rule as the script for Redis (redis-scripts.ts). A request counts from
 * when it came until a window after its slot's end: so never more than `max` are let through in any window, and
 * never fewer where they are a window and a slot apart.
 */
export interface RateWindow {
  /** Oldest first. */
  slots: { endMs: number; count: number }[];
  used: number;
}

/** Counts one request, if there is room. */
export function countRequest(window: RateWindow, max: number, windowMs: number, nowMs: number): RateLimit {
  const { slots } = window;
  while (slots[0] !== undefined && slots[0].endMs + windowMs <= nowMs) {
    window.used -= slots.shift()?.count ?? 0;
  }
  const allowed = window.used < max;
  if (allowed) {
    const slotMs = slotMsOf(windowMs);
    const last = slots.at(-1);
    const endMs = Math.max(last?.endMs ?? 0, (Math.floor(nowMs / slotMs) + 1) * slotMs);
    if (last?.endMs === endMs) last.count += 1;
    else slots.push({ endMs, count: 1 });
    window.used += 1;
  }
  const remaining = Math.max(0, max - window.used);
  return { allowed, remaining, resetMs: remaining > 0 ? 0 : (slots[0]?.endMs ?? nowMs) + windowMs - nowMs };
}
