import { sql } from "drizzle-orm";
import type { Drizzle } from "./statement.ts";

/**
 * Locks on tables that everyone uses. Such a lock waits for those who read or write at the moment, an export of an hour among
 * them, and everyone else waits behind it: so it is had soon, or left to the next call.
 */

/** For how long others wait behind a lock at most, in ms. */
const lockWaitMs = 100;

/**
 * From here to the end of the transaction, a lock that is not had soon is refused.
 *
 * A statement should have one lock to wait for: where the time is up at the moment the first is had, PostgreSQL
 * forgets why it gives up once it waits for the second, and says that a user cancelled the statement.
 */
export async function waitBriefly(tx: Drizzle): Promise<void> {
  await tx.execute(sql.raw(`set local lock_timeout = ${lockWaitMs}`));
}

/** Keeps everyone else from them to the end of the transaction, if that can be had soon. */
export async function lockBriefly(tx: Drizzle, tables: readonly string[]): Promise<void> {
  await waitBriefly(tx);
  for (const table of tables) {
    await tx.execute(sql`lock table ${sql.raw(table)} in access exclusive mode`);
  }
}

/**
 * Keeps everyone else from beginning to write to a table to the end of the transaction, if that can be had soon. Reading goes on.
 */
export async function lockWritesBriefly(tx: Drizzle, table: string): Promise<void> {
  await waitBriefly(tx);
  await tx.execute(sql`lock table only ${sql.raw(table)} in share row exclusive mode`);
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
