import { deleteExpiredIdempotencyKeys } from "../../db/queries/idempotency.ts";
import type { Database } from "../ports.ts";
import type { Leadership } from "./leadership.ts";
import { idempotencyTtlMs } from "./store.ts";
import type { SweepTask } from "./sweep.ts";
import { iso, isTimeAgain } from "./time.ts";

const lookEveryMs = 60_000;
/** Rows that one statement deletes at most: 14 ms on a server, 1.4 µs each. */
const pageMax = 10_000;
/** For how long a round is held up; one that left something is followed by the next, not by the next minute. */
const roundMaxMs = 500;

/** Forgets what Idempotency-Keys are too old, as fast as they come: what stays would be asked for by every request. */
export function expiredKeysTask({ db }: { db: Database }, leadership: Leadership): SweepTask {
  let doneMs = 0;

  return async (nowMs) => {
    if (!isTimeAgain(doneMs, nowMs, lookEveryMs) || (await leadership.hold()) === null) return;
    const expiredBefore = iso(nowMs - idempotencyTtlMs);
    const endMs = performance.now() + roundMaxMs;
    while (performance.now() < endMs) {
      const [deleted] = await deleteExpiredIdempotencyKeys(db.orm, { expiredBefore, limit: pageMax });
      if ((deleted?.count ?? 0) < pageMax) {
        doneMs = nowMs;
        return;
      }
    }
  };
}
