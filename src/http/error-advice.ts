import type { ErrorCode } from "../errors.ts";

/** What a client does about each error: for the documentation, where its `type` leads. */
export const errorAdvice: Record<ErrorCode, string> = {
  malformed_json: "Send JSON as UTF-8. The detail says where the parser stopped.",
  body_cut_off: "Send all of the body within the client's own time-out, and repeat the request.",
  json_too_deep: "Nest arrays and objects 32 levels deep at most; carry deeper structures as text in `data`.",
  idempotency_key_invalid: "Use 1 to 255 printable ASCII characters; a UUID is a good key.",
  key_missing: "Send the header `Authorization: Bearer <key>`.",
  key_unknown: "Check that the whole key was copied, and that it belongs to this service.",
  key_revoked: "Use another key. One with the scope `admin` makes new ones.",
  scope_missing: "Use a key with the scope that the detail names, or one with `admin`.",
  loopback_only: "Open the page on the machine that runs Carillon, at http://localhost.",
  route_not_found: "Check the address against this page. There is no slash at the end.",
  notification_not_found:
    "Check the id, and that the key is of the project (live or test) that sent it. What is older than the retention is gone.",
  delivery_not_found: "Check the id: a notification's id, a hyphen and the channel.",
  user_not_found: "Nothing was ever stored of this user, or it was erased. Store a profile with PUT.",
  key_not_found: "Check the id against `GET /v1/keys`.",
  method_not_allowed: "The header `Allow` lists the methods that are taken.",
  not_cancellable:
    "It has been sent, or is being sent at this moment. Read the notification to see how it ended.",
  not_replayable: "Only a delivery that has failed can be sent again. Read its status first.",
  last_admin_key: "Make another admin key, then revoke this one with it.",
  idempotency_in_progress:
    "Wait for the seconds in `Retry-After`, then repeat the same request for its answer.",
  body_too_large:
    "Split the request: 1,000 notifications a bulk request at most, and bodies within the limit.",
  unsupported_media_type: "Send the header `Content-Type: application/json`.",
  validation_failed:
    "Each entry of `errors` points at what is wrong, in the body (`pointer`) or in the address (`parameter`). Correct it; repeating it as it is changes nothing.",
  idempotency_mismatch: "A key stands for one request, to the byte. Use a new key for a new request.",
  rate_limited: "Wait for the seconds in `Retry-After`. A bulk request counts once, whatever it holds.",
  too_many_exports: "Wait for the seconds in `Retry-After`, then repeat the request.",
  internal_error:
    "Repeat the request with the same Idempotency-Key. If it stays, report it with its `request_id`.",
  archive_unavailable:
    "Repeat the request in a moment. What is younger than ARCHIVE_AFTER_DAYS is answered without the archive.",
  database_unavailable: "Repeat the request in a moment, with the same Idempotency-Key.",
  overloaded:
    "Wait for the seconds in `Retry-After`, then repeat the request. What is urgent is taken when other things are not any more: keep `critical` for that.",
  rate_limit_unavailable: "Wait for the seconds in `Retry-After`, then repeat the request.",
  shutting_down: "Repeat the request: another process takes it.",
  storage_full:
    "Nothing of the request was stored. Repeat it once there is room; the operator has to make it.",
};
