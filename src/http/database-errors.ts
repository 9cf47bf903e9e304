import { type Failure, failureOf } from "../../db/failure.ts";
import { ClientError } from "../errors.ts";

/** What a client is told of an error: its own words, or those for what the database could not do; null for a defect of ours. */
export function clientErrorOf(error: unknown): ClientError | null {
  if (error instanceof ClientError) return error;
  const failure = failureOf(error);
  if (failure === "full") {
    return new ClientError(
      "storage_full",
      "The disk that holds the data is full. Nothing of this request was stored; repeat it once there is room.",
      { cause: error, headers: { "retry-after": "60" } },
    );
  }
  const why = unavailable[failure];
  return why === undefined
    ? null
    : new ClientError("database_unavailable", why, { cause: error, headers: { "retry-after": "1" } });
}

/** What took too long has its name in the log of slow queries. */
const unavailable: Partial<Record<Failure, string>> = {
  unreachable:
    "The database does not answer. Whether this request was stored is not known; repeat it with its Idempotency-Key.",
  read_only:
    "The database takes no writes at the moment. Nothing of this request was stored; repeat it in a moment.",
  given_up:
    "The database gave this up: it took too long, or there was no memory for it. Repeat the request in a moment, with its Idempotency-Key.",
  conflict:
    "The database took this back, since others changed the same. Repeat the request in a moment, with its Idempotency-Key.",
};
