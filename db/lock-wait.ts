import { sql } from "drizzle-orm";
import type { Drizzle } from "./statement.ts";

/**
 * Locks on tables that everyone uses. Such a lock waits for those who read or write at the moment, an export of an hour among
 * them, and everyone else waits behind it: so it is had soon, or left to the next call.
 */

/** For how long others wait behind a lock at most, in ms. */
const lockWaitMs = 100;

/** From here to the end of the transaction, a lock that is not had soon is refused. */
export async function waitBriefly(tx: Drizzle): Promise<void> {
  await tx.execute(sql.raw(`set local lock_timeout = ${lockWaitMs}`));
}

/** lock_not_available, undefined_table, deadlock_detected (PostgreSQL, appendix A). */
const takenStates = new Set<unknown>(["55P03", "42P01", "40P01"]);

/** What `work` gives; null where it was refused a lock, or another process was quicker. */
export async function unlessTaken<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (isTaken(error)) return null;
    throw error;
  }
}

function isTaken(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (takenStates.has((at as { code?: unknown }).code)) return true;
  }
  return false;
}
