import type { Cache, RateLimit } from "../ports.ts";

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

/** The sliding window of one process: the times of the requests that were let through. */
export function createMemoryRateLimit(now: () => number): Cache["rateLimitSlidingWindow"] {
  const windows = new Map<string, number[]>();
  return async (key, max, windowSeconds): Promise<RateLimit> => {
    const nowMs = now();
    const times = (windows.get(key) ?? []).filter((at) => at > nowMs - windowSeconds * 1000);
    const allowed = times.length < max;
    if (allowed) times.push(nowMs);
    windows.set(key, times);
    const remaining = max - times.length;
    const resetMs = remaining > 0 ? 0 : (times[0] ?? nowMs) + windowSeconds * 1000 - nowMs;
    return { allowed, remaining, resetMs };
  };
}
