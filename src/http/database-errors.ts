import { failureOf } from "../../db/failure.ts";
import { ClientError } from "../errors.ts";

/** What a client is told of an error: its own words, or those for what the database could not do; null for a defect of ours. */
export function clientErrorOf(error: unknown): ClientError | null {
  if (error instanceof ClientError) return error;
  const failure = failureOf(error);
  if (failure === "unreachable") {
    return new ClientError(
      "database_unavailable",
      "The database does not answer. Whether this request was stored is not known; repeat it with its Idempotency-Key.",
      { cause: error, headers: { "retry-after": "1" } },
    );
  }
  if (failure === "timeout") {
    // Which statement it was is in the log of slow queries.
    return new ClientError(
      "database_unavailable",
      "The database took too long over this and gave it up. Repeat the request in a moment, with its Idempotency-Key.",
      { cause: error, headers: { "retry-after": "1" } },
    );
  }
  if (failure !== "full") return null;
  return new ClientError(
    "storage_full",
    "The disk that holds the data is full. Nothing of this request was stored; repeat it once there is room.",
    { cause: error, headers: { "retry-after": "60" } },
  );
}
