import { claimIdempotencyKeys, findIdempotencyKey } from "../../db/queries/idempotency.ts";
import { insertNotifications, insertNotificationsInInbox } from "../../db/queries/notifications.ts";
import { mergeUsers } from "../../db/queries/users.ts";
import type { Drizzle } from "../../db/statement.ts";
import type { Profile } from "../channels/channel.ts";
import type { Clock, Database } from "../ports.ts";
import type { EarlierRequest, IdempotentRequest, NewNotification, Receipt, Submission } from "./accept.ts";
import { profileColumns, profileKeyOf } from "./profiles.ts";
import { iso } from "./time.ts";

/** For how long an Idempotency-Key is remembered. */
export const idempotencyTtlMs = 24 * 3_600_000;

/** Without keys one statement (or two, with profiles); with keys all of it in one transaction. */
export async function insertSubmissions(
  { db, clock }: { db: Database; clock: Clock },
  submissions: Submission[],
): Promise<Receipt[]> {
  const { orm } = db;
  const nowMs = clock.now();
  const keyed = submissions.flatMap(({ idempotency }) => (idempotency === null ? [] : [idempotency]));
  const plain = keyed.length === 0 && submissions.every((one) => one.notifications.every((n) => !n.profile));
  if (plain) {
    await insertRows(
      orm,
      submissions.flatMap(({ notifications }) => notifications),
      nowMs,
    );
    return submissions.map(() => ({ earlier: null, refused: new Map(), profiles: new Map() }));
  }
  return db.transaction(async (tx) => {
    const won = await claimKeys(tx, keyed, nowMs);
    const mine = submissions.filter(
      ({ idempotency }) => idempotency === null || won.has(nameOf(idempotency)),
    );
    const profiles = await insertRows(
      tx,
      mine.flatMap(({ notifications }) => notifications),
      nowMs,
    );
    const receipts: Receipt[] = [];
    for (const { idempotency } of submissions) {
      const lost = idempotency !== null && !won.has(nameOf(idempotency));
      const earlier = lost ? await earlierRequest(tx, idempotency, nowMs) : null;
      receipts.push({ earlier, refused: new Map(), profiles });
    }
    return receipts;
  });
}

const nameOf = ({ projectId, key }: { projectId: string; key: string }) => `${projectId}:${key}`;

async function claimKeys(tx: Drizzle, keyed: IdempotentRequest[], nowMs: number): Promise<Set<string>> {
  if (keyed.length === 0) return new Set();
  const claimed = await claimIdempotencyKeys(tx, {
    projectIds: keyed.map(({ projectId }) => projectId),
    keys: keyed.map(({ key }) => key),
    requestHashes: keyed.map(({ requestHash }) => requestHash),
    responses: keyed.map(({ response }) => response),
    now: iso(nowMs),
    expiredBefore: iso(nowMs - idempotencyTtlMs),
  });
  return new Set(claimed.map(({ project_id, key }) => nameOf({ projectId: project_id, key })));
}

async function earlierRequest(
  tx: Drizzle,
  { projectId, key }: IdempotentRequest,
  nowMs: number,
): Promise<EarlierRequest> {
  const expiredBefore = iso(nowMs - idempotencyTtlMs);
  const [earlier] = await findIdempotencyKey(tx, { projectId, key, expiredBefore });
  if (earlier === undefined) throw new Error("an Idempotency-Key was neither free nor taken");
  return { requestHash: earlier.request_hash, response: earlier.response };
}

async function insertRows(
  orm: Drizzle,
  rows: NewNotification[],
  nowMs: number,
): Promise<Receipt["profiles"]> {
  if (rows.length === 0) return new Map();
  const profiles = await mergeProfiles(orm, rows, nowMs);
  const columns = {
    ids: rows.map(({ id }) => id),
    projectIds: rows.map(({ projectId }) => projectId),
    userIds: rows.map(({ userId }) => userId),
    priorities: rows.map(({ priority }) => priority),
    statuses: rows.map(({ status }) => status),
    channels: rows.map(({ channels }) => channels?.join(",") ?? null),
    titles: rows.map(({ title }) => title),
    bodies: rows.map(({ body }) => body),
    data: rows.map(({ data }) => (data === null ? null : JSON.stringify(data))),
    metadata: rows.map(({ metadata }) => (metadata === null ? null : JSON.stringify(metadata))),
    sendAt: rows.map(({ sendAtMs }) => (sendAtMs === null ? null : iso(sendAtMs))),
    expiresAt: rows.map(({ expiresAtMs }) => (expiresAtMs === null ? null : iso(expiresAtMs))),
    traceparents: rows.map(({ trace }) => trace?.traceparent ?? null),
    tracestates: rows.map(({ trace }) => trace?.tracestate ?? null),
  };
  if (columns.statuses.includes("sent"))
    await insertNotificationsInInbox(orm, { ...columns, now: iso(nowMs) });
  else await insertNotifications(orm, columns);
  return profiles;
}

/** `ON CONFLICT` takes a row once a statement, so the profiles of one user are merged here first, later over earlier. */
async function mergeProfiles(
  orm: Drizzle,
  rows: NewNotification[],
  nowMs: number,
): Promise<Receipt["profiles"]> {
  const merged = new Map<string, { projectId: string; profile: Profile }>();
  for (const { projectId, profile } of rows) {
    if (profile === null) continue;
    const name = profileKeyOf({ projectId, userId: profile.id });
    const earlier = merged.get(name)?.profile;
    merged.set(name, { projectId, profile: earlier ? overlay(earlier, profile) : profile });
  }
  if (merged.size === 0) return new Map();
  const stored = await mergeUsers(orm, profileColumns([...merged.values()], nowMs));
  return new Map(
    stored.map(({ project_id, id, changed, changed_at }) => [
      profileKeyOf({ projectId: project_id, userId: id }),
      { changed, changedAt: changed_at },
    ]),
  );
}

function overlay(earlier: Profile, later: Profile): Profile {
  return {
    id: later.id,
    email: later.email ?? earlier.email,
    phone: later.phone ?? earlier.phone,
    webhookUrl: later.webhookUrl ?? earlier.webhookUrl,
    name: later.name ?? earlier.name,
    locale: later.locale ?? earlier.locale,
    timezone: later.timezone ?? earlier.timezone,
  };
}
