import { failureOf } from "../../db/failure.ts";
import type { Channel, Json, Priority, Profile } from "../channels/channel.ts";
import type { Cache, Clock, Database, EventLog, NotificationEvent } from "../ports.ts";
import type { Telemetry } from "../telemetry.ts";
import type { Tracing } from "../telemetry-tracing.ts";
import type { TraceContext } from "../trace-context.ts";
import { type FirstStatus, inboxAlone } from "./plan.ts";
import { countInInbox, planFactsOf } from "./plan-facts.ts";
import { profileKeyOf } from "./profiles.ts";
import { createRepeats, notAsked, type Recalled, type Repeats } from "./repeats.ts";
import { insertSubmissions } from "./store.ts";
import { createWaitingRooms, type WaitingRooms } from "./waiting-rooms.ts";

/** A valid notification with its id, about to be stored. Times in milliseconds since the epoch. */
export interface NewNotification {
  id: string;
  status: FirstStatus;
  projectId: string;
  test: boolean;
  /** Came inline with the notification; null where only the user's id was given. */
  profile: Profile | null;
  userId: string;
  channels: Channel[] | null;
  priority: Priority;
  title: string;
  body: string;
  data: Json;
  metadata: Json;
  sendAtMs: number | null;
  expiresAtMs: number | null;
  trace: TraceContext | null;
}

/** The request that made them, so that its repetition makes none. */
export interface IdempotentRequest {
  projectId: string;
  key: string;
  requestHash: string;
  /** The answer it gets, now and when it is repeated. */
  response: string;
}

export interface EarlierRequest {
  requestHash: string;
  response: string;
}

export interface Submission {
  notifications: NewNotification[];
  idempotency: IdempotentRequest | null;
}

export interface Receipt {
  /** The earlier request with the same key; null where this one was stored. */
  earlier: EarlierRequest | null;
  /** What the database refused, by notification id. Their neighbours are stored. */
  refused: Map<string, Error>;
  /** Of the profiles that came along: when each was last changed, and whether that was now. By `profileKeyOf`. */
  profiles: Map<string, { changed: boolean; changedAt: number }>;
}

export interface Accept {
  /**
   * Resolves once everything is committed. Throws where more waits to be stored than is good for those who wait.
   *
   * @param recalled what `recall` gave for its key
   */
  submit(submission: Submission, recalled?: Recalled): Promise<Receipt>;
  /** Throws as `submit` would: to be asked before the work of reading a request is done. */
  requireRoom(projectId: string, asked: ReadonlySet<Priority>): void;
  recall: Repeats["recall"];
  /** Resolves once nothing waits to be stored, and the answers of what was are kept. */
  drained(): Promise<void>;
  waiting(): number;
}

interface Needs {
  db: Database;
  cache: Cache;
  log: EventLog;
  clock: Clock;
  telemetry: Telemetry;
  /** How long what is critical may wait to be stored before more of it is refused; the rest a part of it. */
  acceptWaitMs: number;
  /** How long what has no setting of its own is cached. */
  cacheTtlSeconds: number;
  tracing: Tracing | null;
}

export function createAccept(needs: Needs): Accept {
  const rooms: WaitingRooms = createWaitingRooms(needs, (submissions) =>
    flush({ ...needs, repeats }, submissions),
  );
  const { waitingSince, waiting, requireRoom } = rooms;
  const repeats = createRepeats({ ...needs, waitingSince });
  const { tracing } = needs;
  const add =
    tracing === null ? rooms.add : (submission: Submission) => traced(tracing, submission, rooms.add);

  return {
    async submit(submission, recalled = notAsked) {
      const { idempotency } = submission;
      return idempotency === null
        ? add(submission)
        : repeats.once(idempotency, recalled, () => add(submission));
    },
    recall: repeats.recall,
    requireRoom,
    async drained() {
      await rooms.drained();
      await repeats.drained();
    },
    waiting,
  };
}

/** From when it waits for its flush until it is stored and published. */
async function traced(
  tracing: Tracing,
  submission: Submission,
  add: (submission: Submission) => Promise<Receipt>,
): Promise<Receipt> {
  const end = tracing.acceptBegan(submission.notifications);
  try {
    const receipt = await add(submission);
    end((id) => receipt.earlier === null && !receipt.refused.has(id));
    return receipt;
  } catch (error) {
    end(() => false, error);
    throw error;
  }
}

/**
 * Store, then publish: the event log carries what the database already remembers. The answers are kept after that has begun,
 * since whoever waits for the notifications comes first, and before it has ended, since a log that is full takes its time.
 */
async function flush(
  needs: Needs & { repeats: Pick<Repeats, "keep"> },
  submissions: Submission[],
): Promise<(Receipt | Error)[]> {
  const { telemetry, log, cache, repeats, clock } = needs;
  const startedMs = performance.now();
  const nowMs = clock.now();
  const receipts = await store(needs, submissions);
  const changed = new Set<string>();
  const answered: IdempotentRequest[] = [];
  const stored = submissions.flatMap(({ notifications, idempotency }, index) => {
    const receipt = receipts[index];
    if (receipt === undefined || receipt instanceof Error || receipt.earlier !== null) return [];
    if (idempotency !== null) answered.push(idempotency);
    for (const [key, profile] of receipt.profiles) if (profile.changed) changed.add(key);
    return notifications
      .filter(({ id }) => !receipt.refused.has(id))
      .map((notification) => ({ notification, profileAt: profileAtOf(notification, receipt) }));
  });
  telemetry.flushed("accept", stored.length, performance.now() - startedMs);
  if (changed.size > 0) await cache.delete([...changed]);
  for (const [priority, these] of Map.groupBy(stored, ({ notification }) => notification.priority)) {
    telemetry.notificationsAccepted(priority, these.length);
  }
  tellInInbox(
    needs,
    stored.flatMap(({ notification }) => (notification.status === "sent" ? [notification] : [])),
    startedMs,
  );
  const published = log.publishBuffered(
    stored
      .filter(({ notification }) => notification.status === "pending")
      .map(({ notification, profileAt }) => eventOf(notification, profileAt)),
  );
  repeats.keep(answered, nowMs);
  await published;
  return receipts;
}

/** What was stored as sent is planned, delivered and closed by that. */
function tellInInbox(
  { telemetry, tracing, clock }: Needs,
  notifications: NewNotification[],
  startedMs: number,
): void {
  if (notifications.length === 0) return;
  const nowMs = clock.now();
  for (const [lane, these] of Map.groupBy(notifications, ({ priority }) => priority)) {
    countInInbox(
      telemetry,
      lane,
      these.map(({ id }) => id),
      { nowMs },
    );
  }
  telemetry.notificationsClosed("sent", notifications.length);
  telemetry.notificationsPlanned(() => notifications.values().map((one) => factsOf(one, nowMs)));
  if (tracing === null) return;
  const endMs = Date.now();
  const beganMs = endMs - (performance.now() - startedMs);
  for (const one of notifications) {
    if (tracing.keeps(one.trace)) tracing.planned(factsOf(one, nowMs), beganMs, endMs);
  }
}

const factsOf = (notification: NewNotification, nowMs: number) =>
  planFactsOf({ ...notification, scheduled: false }, inboxAlone, nowMs);

function profileAtOf({ profile, projectId, userId }: NewNotification, { profiles }: Receipt): number | null {
  return profile === null ? null : (profiles.get(profileKeyOf({ projectId, userId }))?.changedAt ?? null);
}

async function store(needs: Needs, submissions: Submission[]): Promise<(Receipt | Error)[]> {
  try {
    return await insertSubmissions(needs, submissions);
  } catch (error) {
    if (failureOf(error) !== "data") return submissions.map(() => error as Error);
    return storeApart(needs, submissions, error as Error);
  }
}

/** A row of this batch is bad: halve it until the bad row stands alone, and everything else is stored. */
async function storeApart(
  needs: Needs,
  submissions: Submission[],
  error: Error,
): Promise<(Receipt | Error)[]> {
  const [only, ...others] = submissions;
  if (only === undefined) return [];
  if (others.length > 0) {
    const half = Math.ceil(submissions.length / 2);
    return [
      ...(await store(needs, submissions.slice(0, half))),
      ...(await store(needs, submissions.slice(half))),
    ];
  }
  needs.telemetry.failed("accept", error);
  if (only.notifications.length <= 1 || only.idempotency !== null) return [error];
  const refused = new Map<string, Error>();
  const profiles: Receipt["profiles"] = new Map();
  for (const notification of only.notifications) {
    const [receipt] = await store(needs, [{ notifications: [notification], idempotency: null }]);
    if (receipt instanceof Error) refused.set(notification.id, receipt);
    else for (const [key, profile] of receipt?.profiles ?? []) profiles.set(key, profile);
  }
  return [{ earlier: null, refused, profiles }];
}

function eventOf(
  { id, projectId, test, userId, priority, channels, expiresAtMs, trace }: NewNotification,
  profileAt: number | null,
): NotificationEvent {
  return {
    id,
    projectId,
    test,
    userId,
    priority,
    channels,
    scheduled: false,
    expiresAt: expiresAtMs,
    profileAt,
    trace,
  };
}
