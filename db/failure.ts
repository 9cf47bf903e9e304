/** What kind of trouble an error of the database is, by its SQLSTATE (PostgreSQL, appendix A). */
export type Failure =
  /** The data itself is at fault: the same row will fail again, its neighbours will not. */
  | "data"
  /** No room on the disk. */
  | "full"
  | "other";

export function failureOf(error: unknown): Failure {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const state = (at as { code?: unknown }).code;
    if (typeof state === "string") {
      if (state === "53100" || state === "ENOSPC") return "full";
      if (/^(22|23)[0-9A-Z]{3}$/.test(state)) return "data";
    }
    if (/no space left on device/i.test(at.message)) return "full";
  }
  return "other";
}
