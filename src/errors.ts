/**
 * Every error a client can see. Nothing else reaches a client: an error that is not from here is logged
 * whole and answered as `internal_error` with its request id.
 */
export const catalogue = {
  malformed_json: { status: 400, title: "The body is not valid JSON" },
  body_cut_off: { status: 400, title: "The body ended before its time" },
  json_too_deep: { status: 400, title: "The JSON is nested too deeply" },
  idempotency_key_invalid: { status: 400, title: "The Idempotency-Key header is not usable" },
  key_missing: { status: 401, title: "No API key was given" },
  key_unknown: { status: 401, title: "This API key does not exist" },
  key_revoked: { status: 401, title: "This API key was revoked" },
  scope_missing: { status: 403, title: "This API key may not do this" },
  loopback_only: { status: 403, title: "This page is only for the machine it runs on" },
  route_not_found: { status: 404, title: "There is nothing at this address" },
  notification_not_found: { status: 404, title: "There is no such notification" },
  delivery_not_found: { status: 404, title: "There is no such delivery" },
  user_not_found: { status: 404, title: "There is no such user" },
  key_not_found: { status: 404, title: "There is no such API key" },
  method_not_allowed: { status: 405, title: "This address does not take this method" },
  not_cancellable: { status: 409, title: "Nothing of this notification is left to cancel" },
  not_replayable: { status: 409, title: "This delivery cannot be replayed" },
  last_admin_key: { status: 409, title: "The last admin key cannot be revoked" },
  idempotency_in_progress: { status: 409, title: "A request with this Idempotency-Key is still running" },
  body_too_large: { status: 413, title: "The body is too large" },
  unsupported_media_type: { status: 415, title: "The body must be application/json" },
  validation_failed: { status: 422, title: "Some of what was sent is not valid" },
  idempotency_mismatch: { status: 422, title: "This Idempotency-Key was used for another request" },
  rate_limited: { status: 429, title: "This API key made too many requests" },
  too_many_exports: { status: 429, title: "Too many exports are running" },
  internal_error: { status: 500, title: "Something went wrong on our side" },
  archive_unavailable: { status: 503, title: "The archive does not answer" },
  database_unavailable: { status: 503, title: "The database does not answer" },
  overloaded: { status: 503, title: "More is asked for than can be answered" },
  rate_limit_unavailable: { status: 503, title: "The rate limit cannot be checked" },
  shutting_down: { status: 503, title: "The service is stopping" },
  storage_full: { status: 507, title: "There is no room left to store this" },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof catalogue;

/** What exactly is wrong: in the body (a JSON pointer as a URI fragment, RFC 6901 §6) or in a parameter. */
export type Fault = { pointer: string; detail: string } | { parameter: string; detail: string };

interface ClientErrorOptions {
  faults?: Fault[];
  headers?: Record<string, string>;
  cause?: unknown;
}

/** An error whose text is meant for the client. `detail` says what is wrong and what to do about it. */
export class ClientError extends Error {
  readonly faults: Fault[] | undefined;
  readonly headers: Record<string, string>;

  constructor(
    readonly code: ErrorCode,
    readonly detail: string,
    { faults, headers = {}, cause }: ClientErrorOptions = {},
  ) {
    super(detail, { cause });
    this.name = "ClientError";
    this.faults = faults;
    this.headers = headers;
  }

  get status(): number {
    return catalogue[this.code].status;
  }
}

/** A reason not to start, in words for the operator: no stack trace is printed for it. */
export class StartError extends Error {
  override readonly name = "StartError";
}

/** The body of a problem (RFC 9457). `type` is an address at which the code is explained. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  instance?: string;
  errors?: Fault[];
  request_id?: string;
}

/** The problem of one item of a list: without the request's own fields. */
export function problemOf(error: ClientError): Problem {
  const { status, title } = catalogue[error.code];
  return {
    type: `/docs#error-${error.code}`,
    title,
    status,
    detail: error.detail,
    code: error.code,
    ...(error.faults ? { errors: error.faults } : {}),
  };
}
