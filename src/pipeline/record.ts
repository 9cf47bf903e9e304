import { closeNotifications, lockNotifications } from "../../db/queries/notifications.ts";
import { recordOutcomes, recordSent } from "../../db/queries/outcomes.ts";
import type { OutcomeKind } from "../channels/channel.ts";
import type { Clock, Database } from "../ports.ts";
import type { Telemetry } from "../telemetry.ts";
import { createBatcher } from "./batch.ts";
import { type Refused, storeOrRefuse } from "./refusal.ts";
import { iso } from "./time.ts";

/** What became of a delivery that was being sent. */
export interface Recorded {
  notificationId: string;
  channel: string;
  status: "sent" | "retrying" | "failed" | "skipped";
  reason: string | null;
  tries: number;
  retryAtMs: number | null;
  /** Its notification has no other delivery that is open or failed. */
  last: boolean;
  /** Null where nothing was tried. */
  attempt: { id: string; atMs: number; provider: string; outcome: OutcomeKind; answer: string } | null;
}

export interface RecordStage {
  /**
   * Resolves once it is committed. Tries until it is: an outcome that is forgotten is a message sent twice. One that the
   * database will never take is written without the answer.
   */
  add(recorded: Recorded): Promise<void>;
  drained(): Promise<void>;
  /** The process ends: what the database still does not take is tried once more, and then left to its lease. */
  giveUp(): void;
}

const flushRowsMax = 500;
/** Outcomes that are not of the common kind, a transaction: larger ones take longer a row (see recordOutcomes). */
const othersMax = 100;
/** The longest wait between two tries to write, in milliseconds. */
const backoffMaxMs = 5000;

interface Needs {
  db: Database;
  clock: Clock;
  telemetry: Telemetry;
}

export function createRecord(needs: Needs): RecordStage {
  const ending = Promise.withResolvers<void>();
  let ended = false;
  const batcher = createBatcher<Recorded, void>(
    { rowsMax: flushRowsMax, inFlightMax: 2, rowsOf: () => 1 },
    async (batch) => {
      for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, backoffMaxMs)) {
        try {
          const refused = await storeOrRefuse(batch, (part) => write(needs, part));
          if (refused.length > 0) await writeUnanswered(needs, refused);
          return batch.map(() => undefined);
        } catch (error) {
          needs.telemetry.failed("record", error, { rows: batch.length });
          if (ended) throw error;
          await Promise.race([Bun.sleep(waitMs), ending.promise]);
        }
      }
    },
  );
  return {
    add: (recorded) => batcher.add(recorded),
    drained: batcher.drained,
    giveUp() {
      ended = true;
      ending.resolve();
    },
  };
}

/** What the database refuses of an outcome can only be what others wrote in it: the answer. */
async function writeUnanswered(needs: Needs, refused: Refused<Recorded>[]): Promise<void> {
  for (const { item, why } of refused) {
    needs.telemetry.failed("record", new Error(why), { notification_id: item.notificationId });
  }
  const unanswered = refused.map(
    ({ item }): Recorded => ({ ...item, attempt: item.attempt && { ...item.attempt, answer: "" } }),
  );
  await storeOrRefuse(unanswered, (part) => write(needs, part));
}

async function write(needs: Needs, batch: Recorded[]): Promise<void> {
  const startedMs = performance.now();
  const others = await writeSent(needs, batch);
  for (let from = 0; from < others.length; from += othersMax) {
    await writeOthers(needs, others.slice(from, from + othersMax));
  }
  needs.telemetry.flushed("record", batch.length, performance.now() - startedMs);
  for (const [channel, these] of Map.groupBy(batch, (recorded) => recorded.channel)) {
    for (const [status, { length }] of Map.groupBy(these, (recorded) => recorded.status)) {
      needs.telemetry.deliveriesRecorded(channel, status, length);
    }
  }
}

type Attempted = Recorded & { attempt: NonNullable<Recorded["attempt"]> };

const closesAsSent = (recorded: Recorded): recorded is Attempted =>
  recorded.last && recorded.status === "sent" && recorded.attempt !== null;

/** Writes those that were sent and close their notification, a statement a channel. Gives what is still to be written. */
async function writeSent({ db, clock, telemetry }: Needs, batch: Recorded[]): Promise<Recorded[]> {
  const others = batch.filter((recorded) => !closesAsSent(recorded));
  const sent = batch.filter(closesAsSent);
  for (const [channel, these] of Map.groupBy(sent, (recorded) => recorded.channel)) {
    const sorted = these.toSorted((a, b) => (a.notificationId < b.notificationId ? -1 : 1));
    const ids = sorted.map(({ notificationId }) => notificationId);
    const rows = await recordSent(db.orm, {
      ids,
      first: ids[0] ?? "",
      last: ids.at(-1) ?? "",
      channel,
      attemptIds: sorted.map(({ attempt }) => attempt.id),
      attemptAt: sorted.map(({ attempt }) => iso(attempt.atMs)),
      providers: sorted.map(({ attempt }) => attempt.provider),
      answers: sorted.map(({ attempt }) => attempt.answer),
      now: iso(clock.now()),
    });
    telemetry.notificationsClosed("sent", rows.length);
    if (rows.length === sorted.length) continue;
    // Taken over meanwhile, since its lease had run out: its attempt is kept all the same.
    const closed = new Set(rows.map(({ id }) => id));
    others.push(...sorted.filter(({ notificationId }) => !closed.has(notificationId)));
  }
  return others;
}

async function writeOthers({ db, clock, telemetry }: Needs, batch: Recorded[]): Promise<void> {
  const ids = [...new Set(batch.map(({ notificationId }) => notificationId))].sort();
  const bounds = { ids, first: ids[0] ?? "", last: ids.at(-1) ?? "" };
  const closed = await db.transaction(async (tx) => {
    await lockNotifications(tx, bounds);
    await recordOutcomes(tx, { ...columnsOf(batch), ...bounds, now: iso(clock.now()) });
    return closeNotifications(tx, bounds);
  });
  for (const { status } of closed) telemetry.notificationsClosed(status);
}

function columnsOf(batch: Recorded[]) {
  return {
    notificationIds: batch.map(({ notificationId }) => notificationId),
    channels: batch.map(({ channel }) => channel),
    statuses: batch.map(({ status }) => status),
    reasons: batch.map(({ reason }) => reason),
    tries: batch.map(({ tries }) => tries),
    retryAt: batch.map(({ retryAtMs }) => (retryAtMs === null ? null : iso(retryAtMs))),
    attemptIds: batch.map(({ attempt }) => attempt?.id ?? null),
    attemptAt: batch.map(({ attempt }) => (attempt === null ? null : iso(attempt.atMs))),
    providers: batch.map(({ attempt }) => attempt?.provider ?? null),
    outcomes: batch.map(({ attempt }) => attempt?.outcome ?? null),
    answers: batch.map(({ attempt }) => attempt?.answer ?? null),
  };
}
