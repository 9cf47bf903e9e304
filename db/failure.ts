/** What kind of trouble an error of the database is, by its SQLSTATE (PostgreSQL, appendix A). */
export type Failure =
  /** The data itself is at fault: the same row will fail again, its neighbours will not. */
  | "data"
  /** No room on the disk. */
  | "full"
  /** The server took a transaction back (serialization failure, deadlock): begun anew, it may succeed. */
  | "conflict"
  /** There is no connection to be had, or it was lost. Whether what was under way was committed is not known. */
  | "unreachable"
  /** The server takes no writes: it is a standby, or was told so. Nothing was changed. */
  | "read_only"
  /** The server took it back: it ran or waited for a lock for longer than it may, or there was no memory for it. */
  | "given_up"
  | "other";

export function failureOf(error: unknown): Failure {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const state = (at as { code?: unknown }).code;
    if (typeof state === "string") {
      if (state === "53100" || state === "ENOSPC") return "full";
      if (state === "40001" || state === "40P01") return "conflict";
      if (isUnreachable(state)) return "unreachable";
      if (state === "25006") return "read_only";
      if (isGivenUp(state)) return "given_up";
      if (/^(22|23)[0-9A-Z]{3}$/.test(state)) return "data";
    }
    if (/no space left on device/i.test(at.message)) return "full";
  }
  return "other";
}

/** Cancelled by its time-out, a lock not to be had, and what the server is short of but for disk and connections. */
const isGivenUp = (state: string) => /^(57014|55P03|53[24]00|53000)$/.test(state);

/** Class 08, an operator's shutdown (57P01 to 57P03), too many connections, and what the driver and the system say. */
const isUnreachable = (state: string) =>
  /^(08[0-9A-Z]{3}|57P0[1-5]|53300|CONNECT\w+|CONNECTION_\w+|ECONN\w+|EPIPE|ENOTFOUND|ETIMEDOUT|EHOSTUNREACH)$/.test(
    state,
  );
