import { failureOf } from "../../db/failure.ts";
import {
  type Channel,
  defaultPriority,
  type Json,
  type Priority,
  type Profile,
  priorities,
} from "../channels/channel.ts";
import { ClientError } from "../errors.ts";
import type { Cache, Clock, Database, EventLog, NotificationEvent } from "../ports.ts";
import type { Telemetry } from "../telemetry.ts";
import type { TraceContext } from "../trace-context.ts";
import { type Batcher, createBatcher } from "./batch.ts";
import type { Place } from "./fair-queue.ts";
import { createGate, type Full } from "./gate.ts";
import { overloaded } from "./overload.ts";
import { profileKeyOf } from "./profiles.ts";
import { insertSubmissions } from "./store.ts";

/** A valid notification with its id, about to be stored. Times in milliseconds since the epoch. */
export interface NewNotification {
  id: string;
  status: "pending" | "scheduled";
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
  /** Resolves once everything is committed. Throws where more waits to be stored than is good for those who wait. */
  submit(submission: Submission): Promise<Receipt>;
  /** Throws as `submit` would: to be asked before the work of reading a request is done. */
  requireRoom(sender: { projectId: string; priority: Priority }): void;
  drained(): Promise<void>;
  waiting(): number;
}

/** Rows one flush writes at most. */
const flushRowsMax = 1000;
/** One flush is written while the next one gathers: of critical ones, and of all others. */
const flushesInFlightMax = 2;
/** Rows that wait at most: a second's work at full speed, and what memory holds while the database hangs. */
const waitingRowsMax = 40_000;

interface Needs {
  db: Database;
  cache: Cache;
  log: EventLog;
  clock: Clock;
  telemetry: Telemetry;
  /** How long what is critical may wait to be stored before more of it is refused; the rest a part of it. */
  acceptWaitMs: number;
}

export function createAccept(needs: Needs): Accept {
  const running = new Set<string>();
  const critical = createIntake(needs);
  const others = createIntake(needs);
  const all = [critical, others];
  const add = (submission: Submission) => (isCritical(submission) ? critical : others).add(submission);

  return {
    async submit(submission) {
      const { idempotency } = submission;
      if (idempotency === null) return add(submission);
      const name = `${idempotency.projectId}:${idempotency.key}`;
      if (running.has(name)) {
        throw new ClientError(
          "idempotency_in_progress",
          "Another request with this Idempotency-Key is being stored right now. Repeat this one in a moment to get its answer.",
          { headers: { "retry-after": "1" } },
        );
      }
      running.add(name);
      try {
        return await add(submission);
      } finally {
        running.delete(name);
      }
    },
    requireRoom({ projectId, priority }) {
      const place = { lane: priorities.indexOf(priority), owner: projectId };
      (priority === "critical" ? critical : others).requireRoom(place, 1);
    },
    async drained() {
      await Promise.all(all.map((intake) => intake.drained()));
    },
    waiting: () => all.reduce((sum, intake) => sum + intake.waiting(), 0),
  };
}

/** Where requests wait to be stored, and who of them goes first. */
function createIntake(needs: Needs) {
  const batcher: Batcher<Submission, Receipt> = createBatcher(
    {
      rowsMax: flushRowsMax,
      inFlightMax: flushesInFlightMax,
      rowsOf,
      overdue: { timeMaxMs: (lane) => gate.waitMaxMs(lane), refusal: ({ lane }) => overdue(lane) },
      onFlush: () => gate.look(),
    },
    (submissions) => flush(needs, submissions),
  );
  const gate = createGate({
    queue: batcher.queue,
    waitMs: needs.acceptWaitMs,
    rowsMax: waitingRowsMax,
    now: () => performance.now(),
  });

  function requireRoom(place: Place, rows: number): void {
    const full = gate.full(place, rows);
    if (full !== null) throw shed(place.lane, full);
  }

  function shed(lane: number, full: Full): ClientError {
    const priority = priorities[lane] ?? defaultPriority;
    needs.telemetry.requestShed(priority, full);
    return overloaded(priority);
  }

  const overdue = (lane: number) => (gate.stands(lane) ? shed(lane, "wait") : stalled());

  return {
    requireRoom,
    async add(submission: Submission): Promise<Receipt> {
      const place = placeOf(submission);
      requireRoom(place, rowsOf(submission));
      return batcher.add(submission, place);
    },
    drained: batcher.drained,
    waiting: batcher.queue.items,
  };
}

/**
 * What is critical waits for no flush of others: beside bulk requests, four at a time, its 202 takes 5 ms in place of 22 at the
 * median.
 */
const isCritical = ({ notifications }: Submission) =>
  notifications.length > 0 && notifications.every(({ priority }) => priority === "critical");

const rowsOf = ({ notifications }: Submission) => Math.max(1, notifications.length);

/** A request is stored as a whole, and so as soon as the most urgent of its notifications could be. */
function placeOf({ notifications, idempotency }: Submission): Place {
  let lane = notifications.length === 0 ? priorities.indexOf(defaultPriority) : priorities.length;
  for (const { priority } of notifications) lane = Math.min(lane, priorities.indexOf(priority));
  return { lane, owner: notifications[0]?.projectId ?? idempotency?.projectId ?? "" };
}

const stalled = () =>
  new ClientError(
    "database_unavailable",
    "The database does not keep up: this waited too long to be stored. Nothing of this request was stored; repeat it in a moment.",
    { headers: { "retry-after": "1" } },
  );

/** Store, then publish: the event log carries what the database already remembers. */
async function flush(needs: Needs, submissions: Submission[]): Promise<(Receipt | Error)[]> {
  const { telemetry, log, cache } = needs;
  const startedMs = performance.now();
  const receipts = await store(needs, submissions);
  const changed = new Set<string>();
  const stored = submissions.flatMap(({ notifications }, index) => {
    const receipt = receipts[index];
    if (receipt === undefined || receipt instanceof Error || receipt.earlier !== null) return [];
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
  await log.publishBuffered(
    stored
      .filter(({ notification }) => notification.status === "pending")
      .map(({ notification, profileAt }) => eventOf(notification, profileAt)),
  );
  return receipts;
}

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
