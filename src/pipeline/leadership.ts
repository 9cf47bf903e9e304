import { type Cache, CacheUnavailable, type Lock } from "../ports.ts";

/** For how long the leader leads without saying so again, in seconds: so long a dead one keeps its place. */
const leaseSeconds = 10;

export interface Leadership {
  /** Takes or renews the lead. Gives who leads by its lock; null while another process does. */
  hold(): Promise<Pick<Lock, "fence"> | null>;
  release(): Promise<void>;
}

/**
 * Of the processes that share a cache, one looks after what needs doing once. It is a saving, not a safeguard:
 * the work is right if two do it, and so it goes on, everywhere, while there is no lock to be had.
 *
 * Nor does anything check the fence, since a leader that wakes late does no harm: what it publishes again is planned once (only
 * what is pending is), the mark that it writes is lower and only makes the next one look again, by its older time fewer
 * keys and partitions are too old, and what it moves to the archive is compared under a lock before it is deleted.
 */
export function createLeadership({ cache }: { cache: Cache }, name: string): Leadership {
  let held: Lock | null = null;

  return {
    async hold() {
      try {
        if (held !== null && (await cache.renewLock(name, held.token, leaseSeconds))) return held;
        held = await cache.acquireLock(name, leaseSeconds);
        return held;
      } catch (error) {
        if (error instanceof CacheUnavailable) return { fence: 0 };
        throw error;
      }
    },
    async release() {
      const { token } = held ?? {};
      held = null;
      if (token !== undefined) await cache.releaseLock(name, token).catch(() => false);
    },
  };
}
