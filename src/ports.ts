/**
 * What the product needs from the outside, and what each part promises. An interface stands here where two
 * shipped implementations do (the clock is the one exception: its second one is in the tests).
 */
import type { Drizzle } from "../db/statement.ts";
import type { Channel, Priority } from "./channels/channel.ts";

/** The wall clock. Injected, so that tests step it. */
export interface Clock {
  /** Milliseconds since the Unix epoch, UTC. */
  now(): number;
}

/** A PostgreSQL database: embedded in this process, or a server. */
export interface Database {
  /** Drizzle over the connection. A query that resolved is committed; one that threw changed nothing. */
  orm: Drizzle;
  /** True where no other process can have this database open: what was in flight at start is orphaned. */
  exclusive: boolean;
  /** Reclaims dead rows and refreshes the planner's statistics where the server does not do so by itself. */
  maintain(): Promise<void>;
  /** Bounds what a start after a crash has to replay, where the server does not do so by itself. */
  boundRecovery(): Promise<void>;
  close(): Promise<void>;
}

/**
 * What is remembered to be quick. Losing it, in part or whole and at any time, changes no answer's truth:
 * only its cost. Values are JSON-like and must not be changed by those who read them.
 */
export interface Cache {
  /** The value under `key`, or what `fetch` gives; a cold key is fetched once however many ask for it. */
  getOrSet<T>(key: string, fetch: () => Promise<T>, ttlSeconds: number): Promise<T>;
  /**
   * The same for many keys: one value a key, in order; `fetch` is asked once, for those that are missing.
   * What is deleted while it is being fetched is given, and not kept.
   */
  mGetOrSet<T>(keys: string[], fetch: (missing: string[]) => Promise<T[]>, ttlSeconds: number): Promise<T[]>;
  /** From now on these keys are fetched anew. */
  delete(keys: string[]): Promise<void>;
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
}

/**
 * Carries accepted work to dispatch, a lane per priority.
 *
 * Order: as published, within a lane. Duplicates: possible, dispatch is idempotent. Loss: possible (it is
 * full, or the process ends), the sweep publishes again what the database remembers as pending.
 */
export interface EventLog {
  /** Resolves once the log holds the events, with the number it took: the rest is left to the sweep. */
  publish(events: NotificationEvent[]): Promise<number>;
  /** Hands batches to `handle`, one at a time a lane. A batch whose handling throws is handed out again. */
  consume(handle: (batch: NotificationEvent[], lane: Priority) => Promise<void>): void;
  /** Events published and not yet handled, a lane. */
  backlog(): Record<Priority, number>;
  /** Stops handing out and waits for the batches under way. What is left stays pending in the database. */
  close(): Promise<void>;
}
