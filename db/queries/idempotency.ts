import { sql } from "drizzle-orm";
import { batchInsert } from "../batch-insert.ts";
import { idempotencyKeys } from "../schema.ts";
import { statement } from "../statement.ts";

const p = sql.placeholder;

/**
 * Takes keys for the requests that are about to be stored, with the answers they will get: in the same
 * transaction as their rows, so that neither is there without the other. Gives those that were free (or
 * older than their 24 hours); the rest belong to an earlier request.
 */
export const claimIdempotencyKeys = batchInsert<
  {
    projectIds: string[];
    keys: string[];
    requestHashes: string[];
    responses: string[];
    now: string;
    expiredBefore: string;
  },
  { project_id: string; key: string }
>("claimIdempotencyKeys", idempotencyKeys, {
  arrays: {
    projectIds: idempotencyKeys.projectId,
    keys: idempotencyKeys.key,
    requestHashes: idempotencyKeys.requestHash,
    responses: idempotencyKeys.response,
  },
  constants: [[idempotencyKeys.createdAt, sql`${p("now")}::timestamptz`]],
  tail: sql`
    on conflict (project_id, key) do update
      set request_hash = excluded.request_hash, response = excluded.response, created_at = excluded.created_at
      where idempotency_keys.created_at < ${p("expiredBefore")}::timestamptz
    returning project_id, key`,
});

export const findIdempotencyKey = statement<
  { projectId: string; key: string; expiredBefore: string },
  { request_hash: string; response: string }
>(
  "findIdempotencyKey",
  sql`
    select request_hash, response from idempotency_keys
    where project_id = ${p("projectId")} and key = ${p("key")} and created_at >= ${p("expiredBefore")}::timestamptz`,
);

/** Up to `limit` of them; gives how many they were. One that is taken anew meanwhile is not expired any more, and stays. */
export const deleteExpiredIdempotencyKeys = statement<
  { expiredBefore: string; limit: number },
  { count: number }
>(
  "deleteExpiredIdempotencyKeys",
  sql`
    with deleted as (
      delete from idempotency_keys where ctid = any(array(
        select ctid from idempotency_keys where created_at < ${p("expiredBefore")}::timestamptz
        limit ${p("limit")}::int
      )) and created_at < ${p("expiredBefore")}::timestamptz
      returning 1
    )
    select count(*)::int as count from deleted`,
);
