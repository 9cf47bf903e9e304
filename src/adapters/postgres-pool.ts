import { failureOf } from "../../db/failure.ts";
import type { CloseReason, PoolNumbers } from "../telemetry-database.ts";
import { type Connection, ConnectionError, type Rows, type RunOptions } from "./postgres-connection.ts";

export interface PoolOptions {
  max: number;
  /** Kept open though nothing uses them. */
  min: number;
  /** After how long an unused connection beyond `min` is closed. */
  idleTimeoutMs: number;
  /** Statements and transactions after which a connection is replaced; some a little earlier, so that not all go at once. */
  usesMax: number;
  /** How long one waits for a free connection. */
  waitTimeoutMs: number;
  /** After this long without an answer the server is taken for gone. */
  answerTimeoutMs: number;
}

export interface PoolEvents {
  /** A statement was answered or refused, `ms` milliseconds after it was sent. */
  answered(text: string, ms: number): void;
  opened(): void;
  /** `uses` is what it had served by then. */
  closed(why: CloseReason, uses: number): void;
  /** One more could not be opened, while others are. */
  refused(error: Error): void;
  /** The server takes no writes. */
  writesRefused(): void;
}

export interface Pool {
  /** Runs one statement on whichever connection is free. Those that wait get one in the order they came. */
  run(text: string, params: unknown[], options: RunOptions): Promise<Rows>;
  /** A connection for one's own, to be given back by `release`. @throws ConnectionError */
  lease(): Promise<Connection>;
  /** Give it back clean: without a transaction, a cursor or a setting that others would find. */
  release(connection: Connection): void;
  /** To be told of the statements on a leased connection. */
  answered: PoolEvents["answered"];
  /** To be told of what a leased connection was refused. */
  failed(error: Error): void;
  counts(): PoolNumbers;
  /** Waits for what is under way, then closes all. */
  close(): Promise<void>;
}

interface Held {
  uses: number;
  usesMax: number;
  idleSinceMs: number;
  isReadOnly: boolean;
}

interface Waiter {
  take: (connection: Connection) => void;
  fail: (error: Error) => void;
  deadlineMs: number;
}

/** How often what is idle, missing or without an answer is looked for. */
const roundMs = 250;
/** How long after all connections were made anew, since a server takes no writes, they may be so again. */
const renewMs = 1000;
/** How many of the uses a connection may be replaced earlier. */
const usesSpread = 0.1;

/**
 * Connections, each used by one at a time. postgres.js has a pool, but neither keeps a minimum open nor
 * replaces a connection after so many uses nor lets one see who waits.
 *
 * A connection carries one statement at a time. postgres.js sends several at once and so reached 4 to 8 % more point
 * reads with 64 in flight on 25 connections (23.4k/s against 21.5k/s, for 0.028 ms of our CPU each against
 * 0.025 ms); but there a slow statement holds up those behind it, and one that waits for a lock even the
 * statement for which the lock's owner waits. One after another, 1.5 to 2 times as many, since the last connection is used first.
 *
 * @param open makes a connection, and calls `onLost` when it is gone
 */
export function createPool(
  open: (onLost: () => void) => Promise<Connection>,
  { max, min, idleTimeoutMs, usesMax, waitTimeoutMs, answerTimeoutMs }: PoolOptions,
  events: PoolEvents,
): Pool {
  const held = new Map<Connection, Held>();
  /** The last one given back is the first to be used again: so that the rest can be closed. */
  const idle: Connection[] = [];
  const waiters: Waiter[] = [];
  let firstWaiter = 0;
  let opening = 0;
  let closing = false;
  let renewAtMs = 0;
  let onEmpty = () => {};

  const waiting = () => waiters.length - firstWaiter;
  const isFull = () => held.size + opening >= max;

  function nextWaiter(): Waiter | undefined {
    if (firstWaiter === waiters.length) return undefined;
    const waiter = waiters[firstWaiter];
    firstWaiter += 1;
    if (firstWaiter === waiters.length || firstWaiter > 1024) {
      waiters.splice(0, firstWaiter);
      firstWaiter = 0;
    }
    return waiter;
  }

  function wait(take: Waiter["take"], fail: Waiter["fail"]): void {
    if (closing) {
      fail(new ConnectionError("CONNECTION_ENDED", "the database is being closed"));
      return;
    }
    waiters.push({ take, fail, deadlineMs: performance.now() + waitTimeoutMs });
    grow(false);
  }

  /** Opens what is missing: one for each that waits, and up to the minimum. */
  function grow(toMin: boolean): void {
    if (closing && waiting() === 0) return;
    while (!isFull() && (opening < waiting() || (toMin && held.size + opening < min))) void openOne();
  }

  async function openOne(): Promise<void> {
    opening += 1;
    try {
      const connection: Connection = await open(() => drop(connection, "lost"));
      if (connection.lost) throw new ConnectionError("CONNECTION_CLOSED", "it was closed at once");
      opening -= 1;
      held.set(connection, {
        uses: 0,
        usesMax: Math.max(1, Math.round(usesMax * (1 - Math.random() * usesSpread))),
        idleSinceMs: 0,
        isReadOnly: false,
      });
      events.opened();
      put(connection);
    } catch (error) {
      opening -= 1;
      if (held.size > 0) events.refused(error as Error);
      // While others are open, those that wait will get one of them: the server may just have no more to give.
      if (held.size === 0 && opening === 0) {
        for (let waiter = nextWaiter(); waiter; waiter = nextWaiter()) waiter.fail(error as Error);
      }
      settle();
    }
  }

  /** Hands a connection that nobody uses to who waits the longest, or keeps it. */
  function put(connection: Connection): void {
    const waiter = nextWaiter();
    if (waiter !== undefined) {
      waiter.take(connection);
      return;
    }
    const facts = held.get(connection);
    if (facts !== undefined) facts.idleSinceMs = performance.now();
    idle.push(connection);
    settle();
  }

  function release(connection: Connection): void {
    const facts = held.get(connection);
    if (facts === undefined) return; // It was lost meanwhile.
    facts.uses += 1;
    if (facts.uses < facts.usesMax) {
      put(connection);
      return;
    }
    drop(connection, facts.isReadOnly ? "read_only" : "uses");
    void connection.close();
  }

  /**
   * After a failover the connections that are left lead to a standby, or to what was the primary, and stay as good as before for
   * reads: without this, 8 of 11 did so for as long as they were used. All are made anew, at most once a second, since the server
   * may have been told to take no writes.
   */
  function failed(error: Error): void {
    if (failureOf(error) !== "read_only" || performance.now() < renewAtMs) return;
    renewAtMs = performance.now() + renewMs;
    events.writesRefused();
    for (const facts of held.values()) {
      facts.usesMax = 0;
      facts.isReadOnly = true;
    }
    for (const connection of [...idle]) {
      drop(connection, "read_only");
      void connection.close();
    }
  }

  function drop(connection: Connection, why: CloseReason): void {
    const facts = held.get(connection);
    if (facts === undefined) return;
    held.delete(connection);
    const at = idle.indexOf(connection);
    if (at >= 0) idle.splice(at, 1);
    events.closed(why, facts.uses);
    // What was lost is made again by the next round: where the server is gone, all are lost at once.
    grow(why === "uses" || why === "read_only");
    settle();
  }

  const isSettled = () => waiting() === 0 && opening === 0 && idle.length === held.size;
  const settle = () => {
    if (closing && isSettled()) onEmpty();
  };

  function round(): void {
    const nowMs = performance.now();
    while (firstWaiter < waiters.length && (waiters[firstWaiter]?.deadlineMs ?? 0) <= nowMs) {
      nextWaiter()?.fail(
        new ConnectionError(
          "CONNECTION_WAIT_TIMEOUT",
          `no connection was free for ${waitTimeoutMs} ms: all ${held.size} are in use, of at most ${max}`,
        ),
      );
    }
    for (const connection of held.keys()) {
      const { oldestMs } = connection;
      if (oldestMs !== null && nowMs - oldestMs > answerTimeoutMs) {
        const message = `the server gave no answer for ${answerTimeoutMs} ms`;
        connection.destroy(new ConnectionError("CONNECTION_TIMEOUT", message));
      }
    }
    for (let [oldest] = idle; oldest !== undefined && held.size > min; [oldest] = idle) {
      if (nowMs - (held.get(oldest)?.idleSinceMs ?? nowMs) < idleTimeoutMs) break;
      drop(oldest, "idle");
      void oldest.close();
    }
    grow(true);
  }
  const rounds = setInterval(round, Math.min(roundMs, idleTimeoutMs, waitTimeoutMs));
  rounds.unref();

  return {
    run(text, params, options) {
      return new Promise((resolve, reject) => {
        const start = (connection: Connection) => {
          const startedMs = performance.now();
          const ended = () => {
            release(connection);
            events.answered(text, performance.now() - startedMs);
          };
          connection.send(
            text,
            params,
            options,
            (rows) => {
              ended();
              resolve(rows);
            },
            (error) => {
              failed(error);
              ended();
              reject(error);
            },
          );
        };
        const free = idle.pop();
        if (free === undefined) wait(start, reject);
        else start(free);
      });
    },
    lease() {
      const connection = idle.pop();
      return connection === undefined ? new Promise(wait) : Promise.resolve(connection);
    },
    release,
    answered: events.answered,
    failed,
    counts: () => ({
      inUse: held.size - idle.length,
      idle: idle.length,
      opening,
      waiting: waiting(),
      max,
    }),
    async close() {
      closing = true;
      if (!isSettled()) await new Promise<void>((resolve) => (onEmpty = resolve));
      clearInterval(rounds);
      const all = [...held.keys()];
      held.clear();
      idle.length = 0;
      await Promise.all(all.map((connection) => connection.close()));
    },
  };
}
