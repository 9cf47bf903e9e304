import { type Collection, MongoClient, MongoError, MongoTopologyClosedError } from "mongodb";
import { idTimeMs } from "../../db/id.ts";
import { type Archive, type ArchivedNotification, ArchiveUnavailable } from "../ports.ts";
import type { ArchiveOperation, ArchiveTelemetry } from "../telemetry-archive.ts";
import { within } from "../within.ts";

interface MongoArchiveOptions {
  /** As the driver takes it; names the database, which is `carillon` otherwise. */
  url: string;
  poolMax: number;
  poolMin: number;
  idleTimeoutMs: number;
  telemetry: ArchiveTelemetry;
}

/** How long a call may wait: for a server that can be written to, for a connection of the pool, for an answer. */
const serverSelectionTimeoutMs = 3000;
const poolWaitTimeoutMs = 5000;
const answerTimeoutMs = 10_000;
/**
 * How long a statement may take in all. The driver's own bounds come first, but not always: one whose connection is cut while it
 * is sent may be left without any end (driver 6.22 on Bun 1.4.4), and whoever waits for it.
 */
const statementTimeoutMs = poolWaitTimeoutMs + answerTimeoutMs;

/** Notifications that one statement empties. */
const erasedAtOnceMax = 1000;

/** One document a notification. Its times are dates, its ids texts, as in the database's rows. */
type Stored = Omit<ArchivedNotification, "notification"> & {
  _id: string;
  projectId: string;
  userId: string;
  /** When it was to be sent: what its age counts from. */
  at: Date;
  /** `data` and `metadata` as JSON text: a key of theirs may hold what MongoDB reads as an operator or a path. */
  notification: ArchivedNotification["notification"];
};

/**
 * The archive on MongoDB, by the official driver's pool. It connects when it is first asked for something, so
 * that a server that is down keeps nobody from starting. Writes are acknowledged by the majority.
 */
export function createMongoArchive(options: MongoArchiveOptions): Archive {
  let opening: Promise<{ client: MongoClient; stored: Collection<Stored> }> | null = null;

  /**
   * A client whose first connection failed stays closed for ever (driver 6.22), and one whose connection was cut may
   * never find its server again (seen on Bun 1.4.4: each attempt ends with EPIPE). So none is used again that found
   * no server: the next call makes another.
   */
  function forget(opened: NonNullable<typeof opening>): void {
    if (opening !== opened) return;
    opening = null;
    const close = async () => (await opened).client.close();
    close().catch(() => {}); // It has no connection that could be lost by this.
  }

  async function ask<T>(operation: ArchiveOperation, work: (stored: Collection<Stored>) => Promise<T>) {
    opening ??= open(options);
    const opened = opening;
    try {
      const { stored } = await opened.catch((error) => {
        forget(opened);
        throw error;
      });
      return await work(stored);
    } catch (error) {
      if (foundNoServer(error) || error instanceof NoAnswerError) forget(opened);
      options.telemetry.refused(operation, error);
      throw new ArchiveUnavailable(`the archive failed to ${operation}`, { cause: error });
    }
  }

  return {
    store: (batch) =>
      ask("store", async (stored) => {
        if (batch.length === 0) return;
        const writes = batch.map((rows) => {
          const { _id, ...replacement } = documentOf(rows);
          return { replaceOne: { filter: { _id }, replacement, upsert: true } };
        });
        const { matchedCount, upsertedCount } = await inTime(stored.bulkWrite(writes, { ordered: false }));
        const kept = matchedCount + upsertedCount;
        if (kept !== batch.length) throw new Error(`kept ${kept} of ${batch.length}`);
      }),
    get: ({ projectId, id }) =>
      ask("get", async (stored) => {
        const found = await inTime(stored.findOne({ _id: id, projectId }));
        return found === null ? null : rowsOf(found);
      }),
    erase: ({ projectId, userId }) =>
      ask("erase", async (stored) => {
        const emptied = { title: "", body: "", data: null, metadata: null, tracestate: null };
        const erased: string[] = [];
        for (;;) {
          const found = await inTime(
            stored
              .find({ projectId, userId, "notification.title": { $ne: "" } }, { projection: { _id: 1 } })
              .limit(erasedAtOnceMax)
              .toArray(),
          );
          if (found.length === 0) return erased;
          const ids = found.map(({ _id }) => _id);
          await inTime(
            stored.updateMany(
              { _id: { $in: ids } },
              { $set: { ...under("notification", emptied), "attempts.$[].answer": "" } },
            ),
          );
          erased.push(...ids);
        }
      }),
    drop: ({ beforeMs, max }) =>
      ask("drop", async (stored) => {
        const old = await inTime(
          stored
            .find({ at: { $lt: new Date(beforeMs) } }, { projection: { _id: 1 } })
            .sort({ at: 1 })
            .limit(max)
            .toArray(),
        );
        if (old.length === 0) return 0;
        const ids = old.map(({ _id }) => _id);
        const { deletedCount } = await inTime(stored.deleteMany({ _id: { $in: ids } }));
        return deletedCount;
      }),
    async close() {
      const opened = await opening?.catch(() => null);
      await opened?.client.close();
    },
  };
}

/** The error of a search for a server tells what was seen of them (`reason`), in a bulk's error as well. */
const foundNoServer = (error: unknown) =>
  error instanceof MongoTopologyClosedError || (error instanceof MongoError && "reason" in error);

class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
}

/** @throws NoAnswerError after `statementTimeoutMs` */
const inTime = <T>(answer: Promise<T>): Promise<T> =>
  within(statementTimeoutMs, answer, () => {
    throw new NoAnswerError(`MongoDB gave no answer within ${statementTimeoutMs} ms`);
  });

const under = (field: string, values: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`${field}.${name}`, value]));

async function open({ url, poolMax, poolMin, idleTimeoutMs, telemetry }: MongoArchiveOptions) {
  const client = new MongoClient(url, {
    appName: "carillon",
    maxPoolSize: poolMax,
    minPoolSize: Math.min(poolMin, poolMax),
    maxIdleTimeMS: idleTimeoutMs,
    serverSelectionTimeoutMS: serverSelectionTimeoutMs,
    connectTimeoutMS: serverSelectionTimeoutMs,
    waitQueueTimeoutMS: poolWaitTimeoutMs,
    socketTimeoutMS: answerTimeoutMs,
    writeConcern: { w: "majority" },
  });
  client.on("connectionCreated", () => telemetry.poolChanged("opened"));
  client.on("connectionClosed", () => telemetry.poolChanged("closed"));
  client.on("connectionCheckedOut", () => telemetry.poolChanged("taken"));
  client.on("connectionCheckedIn", () => telemetry.poolChanged("returned"));
  try {
    await client.connect();
    const stored = client.db(databaseOf(url)).collection<Stored>("notifications");
    await stored.createIndexes([
      { name: "user", key: { projectId: 1, userId: 1 } },
      { name: "age", key: { at: 1 } },
    ]);
    return { client, stored };
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** The database that an address names; the driver's own default is `test`. */
const databaseOf = (url: string) => /^mongodb(?:\+srv)?:\/\/[^/]+\/([^?]+)/.exec(url)?.[1] ?? "carillon";

function documentOf({ notification, deliveries, attempts }: ArchivedNotification): Stored {
  const { id, projectId, userId, sendAt, data, metadata } = notification;
  return {
    _id: id,
    projectId,
    userId,
    at: new Date(Math.max(idTimeMs(id), sendAt?.getTime() ?? 0)),
    notification: { ...notification, data: jsonOf(data), metadata: jsonOf(metadata) },
    deliveries,
    attempts,
  };
}

function rowsOf({ notification, deliveries, attempts }: Stored): ArchivedNotification {
  // What was archived before the database knew of traces has neither.
  const { data, metadata, traceparent = null, tracestate = null } = notification;
  return {
    notification: {
      ...notification,
      data: parsed(data),
      metadata: parsed(metadata),
      traceparent,
      tracestate,
    },
    deliveries,
    attempts,
  };
}

const jsonOf = (value: unknown) => (value === null ? null : JSON.stringify(value));
const parsed = (text: unknown): unknown => (text === null ? null : JSON.parse(text as string));
