import type { Cache } from "../ports.ts";
import { countRequest, type RateWindow } from "./rate-window.ts";

/** Locks and windows that are kept at most; those that ended leave first. */
const entriesMax = 10_000;

/** Locks among the parts of one process. */
export function createMemoryLocks(
  now: () => number,
): Pick<Cache, "acquireLock" | "renewLock" | "releaseLock"> {
  const held = new Map<string, { token: string; untilMs: number }>();
  let lastFence = 0;

  const mine = (name: string, token: string) => {
    const lock = held.get(name);
    return lock !== undefined && lock.token === token && lock.untilMs > now() ? lock : undefined;
  };

  return {
    async acquireLock(name, ttlSeconds) {
      if ((held.get(name)?.untilMs ?? 0) > now()) return null;
      if (held.size >= entriesMax) {
        for (const [other, { untilMs }] of held) if (untilMs <= now()) held.delete(other);
      }
      const token = crypto.randomUUID();
      held.set(name, { token, untilMs: now() + ttlSeconds * 1000 });
      lastFence = Math.max(lastFence + 1, now() * 1000);
      return { token, fence: lastFence };
    },
    async renewLock(name, token, ttlSeconds) {
      const lock = mine(name, token);
      if (lock !== undefined) lock.untilMs = now() + ttlSeconds * 1000;
      return lock !== undefined;
    },
    async releaseLock(name, token) {
      return mine(name, token) !== undefined && held.delete(name);
    },
  };
}

/**
 * The sliding windows of one process. One that is idle is dropped when its last request has left it; beyond the
 * bound the one that was not asked for the longest is forgotten, and begins anew.
 */
export function createMemoryRateLimit(now: () => number): Cache["rateLimitSlidingWindow"] {
  /** The least recently used stand first. */
  const windows = new Map<string, RateWindow & { idleMs: number }>();

  function dropOldest(nowMs: number): void {
    for (const [key, { idleMs }] of windows) {
      if (idleMs > nowMs && windows.size <= entriesMax) return;
      windows.delete(key);
    }
  }

  return async (key, max, windowSeconds) => {
    const windowMs = windowSeconds * 1000;
    const nowMs = now();
    const window = windows.get(key) ?? { slots: [], used: 0, idleMs: 0 };
    const answer = countRequest(window, max, windowMs, nowMs);
    window.idleMs = (window.slots.at(-1)?.endMs ?? nowMs) + windowMs;
    windows.delete(key);
    windows.set(key, window);
    dropOldest(nowMs);
    return answer;
  };
}
