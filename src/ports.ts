/**
 * What the product needs from the outside, and what each part promises. An interface stands here where two
 * shipped implementations do (the clock is the one exception: its second one is in the tests).
 */
import type { SQL } from "drizzle-orm";
import type { NotificationRows } from "../db/queries/archive.ts";
import type { Drizzle } from "../db/statement.ts";
import type { Channel, Priority } from "./channels/channel.ts";
import type { TraceContext } from "./trace-context.ts";

/** The wall clock. Injected, so that tests step it. */
export interface Clock {
  /** Milliseconds since the Unix epoch, UTC. */
  now(): number;
}

/** A PostgreSQL database: embedded in this process, or a server. */
export interface Database {
  /** Drizzle over the connections. A query that resolved is committed; one that threw changed nothing. */
  orm: Drizzle;
  /**
   * For lists and exports: a read replica where one is set and answers, else the same as `orm`. What it
   * gives may be older than what was committed.
   */
  replica: Drizzle;
  /** True where no other process can have this database open: what was in flight at start is orphaned. */
  exclusive: boolean;
  /** What processes that share this database tell each other. */
  signals: Signals;
  /**
   * Commits what `work` did, or none of it where `work` throws. `work` is repeated, from its beginning, where the server asks
   * for that (serialization failure, deadlock), so it must do nothing that a rollback does not take back.
   */
  transaction<T>(work: (tx: Drizzle) => Promise<T>): Promise<T>;
  /**
   * The rows of a query in the order of its column `key`, which no two of them share, `batchRows` at a time, in the memory of one
   * batch; the query says no order of its own. Each that stood when it began is given once, and none with a greater key that
   * came later. One that is changed or deleted meanwhile is given as it was or as it has become, and left out where that is
   * not of the query. Holds up no other statement, however many rows there are. Read where `replica` reads, and whole from one
   * server: one that is lost under way throws. Metrics and logging call it by its name.
   */
  cursorQuery<Row>(query: SQL, key: string, batchRows: number, name?: string): AsyncIterable<Row[]>;
  /** Reclaims dead rows and refreshes the planner's statistics where the server does not do so by itself. */
  maintain(): Promise<void>;
  /** Bounds what a start after a crash has to replay, where the server does not do so by itself. */
  boundRecovery(): Promise<void>;
  close(): Promise<void>;
}

/** `forget`: cache keys that were deleted, one a line; `wake`: something is due now. */
export type SignalKind = "forget" | "wake";

/** Signals between processes that share a database. Best effort: who does not listen at that moment misses them. */
export interface Signals {
  /**
   * Reaches every other process and, where each has its own connections, every other thread. Rejects where
   * it could not be sent.
   */
  send(kind: SignalKind, payload: string): Promise<void>;
  /** `onGap` is called whenever signals may have been missed: after a connection was lost and made again. */
  listen(kind: SignalKind, onSignal: (payload: string) => void, onGap: () => void): void;
  /** False while signals cannot be heard. */
  heard(): boolean;
}

/** What a cache is asked to keep. */
export interface CacheEntry<T = unknown> {
  key: string;
  value: T;
  ttlSeconds: number;
}

/** Who holds a lock. */
export interface Lock {
  /** Proves the ownership when it is renewed or released. */
  token: string;
  /** Greater than that of every earlier holder: what the lock protects can refuse an older one. */
  fence: number;
}

export interface RateLimit {
  allowed: boolean;
  /** Requests that are left in the window. */
  remaining: number;
  /** Milliseconds until one more is allowed (0 while some are left). */
  resetMs: number;
}

/**
 * What is remembered to be quick. Losing it, in part or whole and at any time, changes no answer's truth:
 * only its cost. Values are JSON-like and must not be changed by those who read them; null is a value
 * ("there is no such user"), undefined is given and never kept. No method but the locks and the limit throws because the cache is out of reach.
 */
export interface Cache {
  /** The value under `key`, or what `fetch` gives; a cold key is fetched once however many ask for it. */
  getOrSet<T>(key: string, fetch: () => Promise<T>, ttlSeconds: number): Promise<T>;
  /**
   * The same for many keys: one value a key, in order; `fetch` is asked once, for those that are missing.
   * What is deleted while it is being fetched is given, and not kept.
   */
  mGetOrSet<T>(keys: string[], fetch: (missing: string[]) => Promise<T[]>, ttlSeconds: number): Promise<T[]>;
  /** Many in one round trip, in order; undefined where nothing is kept. */
  mGet<T>(keys: string[]): Promise<(T | undefined)[]>;
  /**
   * Many in one round trip, each with its own time to live: for what does not change, since no process that shares this
   * cache is told. What cannot be kept is not, and nobody hears of it.
   */
  mSet(entries: CacheEntry[]): Promise<void>;
  /**
   * Saves `value` where it belongs, then keeps it. Of two that write the same key at once, neither's value is
   * kept unless it is surely the one saved last. Where `save` throws, nothing is kept.
   */
  writeThrough<T>(
    key: string,
    value: T,
    save: (value: T) => Promise<unknown>,
    ttlSeconds: number,
  ): Promise<void>;
  /** Warms keys up: fetches those that are not kept, a few at a time. A fetch that fails is skipped. */
  prefetch(entries: { key: string; fetch: () => Promise<unknown>; ttlSeconds: number }[]): Promise<void>;
  /** From now on these keys are fetched anew, in every process that shares this cache. */
  delete(keys: string[]): Promise<void>;
  /**
   * Counts a request against `max` in the last `windowSeconds`, if there is room: exact, however many ask at
   * once. @throws CacheUnavailable
   */
  rateLimitSlidingWindow(key: string, max: number, windowSeconds: number): Promise<RateLimit>;
  /** Takes a lock for `ttlSeconds`; null while another holds it. @throws CacheUnavailable */
  acquireLock(name: string, ttlSeconds: number): Promise<Lock | null>;
  /** Holds it for `ttlSeconds` from now; false where it was lost. @throws CacheUnavailable */
  renewLock(name: string, token: string, ttlSeconds: number): Promise<boolean>;
  /** Lets go of it; false where it was not ours any more. @throws CacheUnavailable */
  releaseLock(name: string, token: string): Promise<boolean>;
  /** Whether it can be reached; the memory of this process always can. */
  available(): boolean;
  close(): Promise<void>;
}

/** A lock or a limit was asked for while the cache is out of reach. */
export class CacheUnavailable extends Error {
  override readonly name = "CacheUnavailable";
}

/** What the event log carries of a notification: enough to plan it, without its content. */
export interface NotificationEvent {
  id: string;
  projectId: string;
  /** Made with a test key: walks the whole path and sends nothing. */
  test: boolean;
  userId: string;
  priority: Priority;
  /** Null: every channel the user has an address for. */
  channels: Channel[] | null;
  scheduled: boolean;
  expiresAt: number | null;
  /** When the profile that came along was last changed, in milliseconds: an older one that is cached will not do. */
  profileAt: number | null;
  /** Where it stands in a trace; null where its request named none. */
  trace: TraceContext | null;
}

/**
 * Carries accepted work to dispatch, a lane per priority.
 *
 * Order: as published, for each user within a lane. Duplicates: possible, dispatch is idempotent. Loss:
 * possible (it is full, or down, or the process ends), the sweep publishes again what the database remembers
 * as pending.
 */
export interface EventLog {
  /**
   * Takes events into a bounded buffer and resolves with the number of them that it holds now; while the buffer is full it
   * waits a moment for room, which holds up the caller. The rest is left to the sweep. Never throws.
   */
  publishBuffered(events: NotificationEvent[]): Promise<number>;
  /**
   * Hands batches to `handle`, one at a time for each user, and counts a batch as done once it resolved. A batch
   * whose handling throws is handed out again; where it throws EventsRefused, it is done, and what was refused is
   * put aside.
   */
  consume(handle: (batch: NotificationEvent[], lane: Priority) => Promise<void>): Promise<void>;
  /** Events published and not yet handled, a lane. */
  backlog(): Record<Priority, number>;
  /** Events that it took and could not carry, since it was opened: the sweep is to publish them again. */
  lost(): number;
  /** Why it cannot carry anything at the moment; null where it can. */
  fault(): string | null;
  /** Stops handing out, waits for the batches under way and sends what is buffered. The rest stays pending. */
  close(): Promise<void>;
}

/** Of a batch, these can never be handled, and handing them out again would hold up what comes after; the rest was. */
export class EventsRefused extends Error {
  override readonly name = "EventsRefused";

  constructor(readonly refused: { event: NotificationEvent; why: string }[]) {
    super(`${refused.length} refused, the first since ${refused[0]?.why}`);
  }
}

/** A closed notification with its timeline: the rows that it was in the database. */
export type ArchivedNotification = NotificationRows;

/**
 * Where closed notifications go when they leave the hot tables. What is given back is what was stored, to the
 * millisecond and to the order of the keys. Every method but `close` may throw ArchiveUnavailable.
 */
export interface Archive {
  /** Keeps a batch; what is kept already is replaced. Resolves once all of it is durable. */
  store(batch: ArchivedNotification[]): Promise<void>;
  get(where: { projectId: string; id: string }): Promise<ArchivedNotification | null>;
  /** Empties what is personal of a user's notifications, and gives the ids of those where there was something. */
  erase(where: { projectId: string; userId: string }): Promise<string[]>;
  /** Drops up to `max` that were to be sent before this time, oldest first; gives how many. */
  drop(where: { beforeMs: number; max: number }): Promise<number>;
  close(): Promise<void>;
}

/** The archive is out of reach, or did not do what it was asked for; it may have done a part. */
export class ArchiveUnavailable extends Error {
  override readonly name = "ArchiveUnavailable";
}
