import { failureOf } from "./failure.ts";
import type { Drizzle } from "./statement.ts";

/** How often a piece of work is begun at most. */
const attemptsMax = 5;

/**
 * The guide's `transaction`: commits what `work` did, or nothing of it where it throws. Where the server took
 * it back for a reason of its own (serialization failure, deadlock), it is begun anew, up to five times.
 */
export async function transaction<T>(
  db: Drizzle,
  work: (tx: Drizzle) => Promise<T>,
  onRetry: (kind: "deadlock" | "serialization") => void = () => {},
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.transaction(work);
    } catch (error) {
      if (attempt === attemptsMax || failureOf(error) !== "conflict") throw error;
      onRetry(isDeadlock(error) ? "deadlock" : "serialization");
    }
  }
}

function isDeadlock(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ((at as { code?: unknown }).code === "40P01") return true;
  }
  return false;
}
