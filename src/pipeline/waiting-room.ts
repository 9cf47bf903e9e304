import { defaultPriority, type Priority, priorities } from "../channels/channel.ts";
import { ClientError } from "../errors.ts";
import type { Telemetry } from "../telemetry.ts";
import type { Receipt, Submission } from "./accept.ts";
import { type Batcher, createBatcher } from "./batch.ts";
import type { Place } from "./fair-queue.ts";
import { createGate, type Full } from "./gate.ts";
import { overloaded } from "./overload.ts";

/** Rows one flush writes at most. */
const flushRowsMax = 1000;
/** One flush is written while the next one gathers: of critical ones, and of all others. */
const flushesInFlightMax = 2;
/** Rows that wait at most: a second's work at full speed, and what memory holds while the database hangs. */
const waitingRowsMax = 40_000;

interface Needs {
  telemetry: Telemetry;
  /** How long what is critical may wait to be stored before more of it is refused; the rest a part of it. */
  acceptWaitMs: number;
}

export interface WaitingRoom {
  /** Throws where so many more rows would wait too long, or be too many. */
  requireRoom(place: Place, rows: number): void;
  hasRoom(place: Place, rows: number): boolean;
  /** Resolves once it was flushed. */
  add(submission: Submission): Promise<Receipt>;
  drained(): Promise<void>;
  /** Requests that wait. */
  waiting(): number;
  /** Since when the oldest of a project's requests waits, by performance.now(); null where none does. */
  waitingSince(projectId: string): number | null;
}

/** Where requests wait to be stored: who of them goes first, and who is refused. */
export function createWaitingRoom(
  { telemetry, acceptWaitMs }: Needs,
  flush: (submissions: Submission[]) => Promise<(Receipt | Error)[]>,
): WaitingRoom {
  const batcher: Batcher<Submission, Receipt> = createBatcher(
    {
      rowsMax: flushRowsMax,
      inFlightMax: flushesInFlightMax,
      rowsOf,
      overdue: { timeMaxMs: (lane) => gate.waitMaxMs(lane), refusal: ({ lane }) => overdue(lane) },
      onFlush: () => gate.look(),
    },
    flush,
  );
  const gate = createGate({
    queue: batcher.queue,
    waitMs: acceptWaitMs,
    rowsMax: waitingRowsMax,
    now: () => performance.now(),
  });

  function requireRoom(place: Place, rows: number): void {
    const full = gate.full(place, rows);
    if (full !== null) throw shed(place.lane, full);
  }

  function shed(lane: number, full: Full): ClientError {
    const priority = priorities[lane] ?? defaultPriority;
    telemetry.requestShed(priority, full);
    return overloaded(priority);
  }

  const overdue = (lane: number) => (gate.stands(lane) ? shed(lane, "wait") : stalled());

  return {
    requireRoom,
    hasRoom: (place, rows) => gate.full(place, rows) === null,
    async add(submission: Submission): Promise<Receipt> {
      const place = placeOfSubmission(submission);
      requireRoom(place, rowsOf(submission));
      return batcher.add(submission, place);
    },
    drained: batcher.drained,
    waiting: batcher.queue.items,
    waitingSince(owner) {
      const times = priorities.flatMap((_, lane) => batcher.queue.oldestOf({ lane, owner }) ?? []);
      return times.length === 0 ? null : Math.min(...times);
    },
  };
}

const rowsOf = ({ notifications }: Submission) => Math.max(1, notifications.length);

/** A request is stored as a whole, and so as soon as the most urgent of its notifications could be. */
export function placeOf(projectId: string, asked: Iterable<Priority>): Place {
  let lane: number = priorities.length;
  for (const priority of asked) lane = Math.min(lane, priorities.indexOf(priority));
  return { lane: lane < priorities.length ? lane : priorities.indexOf(defaultPriority), owner: projectId };
}

const placeOfSubmission = ({ notifications, idempotency }: Submission) =>
  placeOf(
    notifications[0]?.projectId ?? idempotency?.projectId ?? "",
    notifications.map(({ priority }) => priority),
  );

const stalled = () =>
  new ClientError(
    "database_unavailable",
    "The database does not keep up: this waited too long to be stored. Nothing of this request was stored; repeat it in a moment.",
    { headers: { "retry-after": "1" } },
  );
