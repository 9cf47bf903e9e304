import { failureOf } from "../db/failure.ts";
import { newId } from "../db/id.ts";
import { migrate, NewerSchemaError, newestVersion } from "../db/migrate.ts";
import { ensurePartitions } from "../db/partitions.ts";
import { keepSandboxMessage } from "../db/queries/sandbox.ts";
import { createMemoryCache } from "./adapters/cache-memory.ts";
import { type DataFolder, inspectDataFolder, openDataFolder } from "./adapters/data-folder.ts";
import { openPgliteDatabase } from "./adapters/database-pglite.ts";
import { createMemoryEventLog } from "./adapters/event-log-memory.ts";
import {
  addressOf,
  channels,
  type ExternalChannel,
  type Message,
  type Providers,
} from "./channels/channel.ts";
import { createSandboxProvider } from "./channels/providers/sandbox.ts";
import { createSmtpProvider } from "./channels/providers/smtp.ts";
import { createTestProvider } from "./channels/providers/test.ts";
import { createWebhookProvider } from "./channels/providers/webhook.ts";
import type { Config } from "./config.ts";
import { StartError } from "./errors.ts";
import { type Accept, createAccept } from "./pipeline/accept.ts";
import { createDeliver, type Deliver } from "./pipeline/deliver.ts";
import { dispatch } from "./pipeline/dispatch.ts";
import { createRecord } from "./pipeline/record.ts";
import { createSweep, type Sweep } from "./pipeline/sweep.ts";
import type { Cache, Clock, Database, EventLog } from "./ports.ts";
import { createTelemetry, type Telemetry, type Write } from "./telemetry.ts";

/** The running product: its parts, put together once. Functions take what they touch of it. */
export interface App {
  config: Config;
  /** A channel without a provider keeps its messages in the sandbox instead of skipping them. */
  dev: boolean;
  /** No new request is taken any more. */
  stopping: boolean;
  db: Database;
  cache: Cache;
  log: EventLog;
  clock: Clock;
  telemetry: Telemetry;
  providers: Providers;
  accept: Accept;
  deliver: Deliver;
  sweep: Sweep;
  /** Ends in order: what was accepted is stored, what is being sent is recorded, the rest stays due. */
  stop(): Promise<void>;
}

interface AppOptions {
  dev: boolean;
  clock?: Clock;
  /** Where log lines go. */
  write?: Write;
}

export const externalChannels = channels.filter((channel): channel is ExternalChannel => channel !== "inbox");

/** How many messages the sandbox keeps. */
const sandboxMax = 1000;
/** Sends at the same time on a channel without a setting of its own. */
const defaultConcurrency = 16;
/** What a provider may take beyond its own time-out before an attempt is given up. */
const attemptSlackMs = 5000;

const systemClock: Clock = { now: () => Date.now() };

/** Opens everything, migrates, and starts the pipeline. Throws a StartError that says what to do. */
export async function createApp(
  config: Config,
  { dev, clock = systemClock, write }: AppOptions,
): Promise<App> {
  const telemetry = createTelemetry({ level: config.logLevel, ...(write ? { write } : {}) });
  const { db, release } = await openDatabase(config, clock);
  const cache = createMemoryCache();
  const log = createMemoryEventLog({ onError: (error) => telemetry.failed("dispatch", error) });
  const providers = providersOf(config, dev ? sandboxIn(db, clock) : null);
  const record = createRecord({ db, clock, telemetry });
  let onRoom = () => {};
  const deliver = createDeliver({
    db,
    cache,
    clock,
    telemetry,
    record,
    providers,
    testProvider: createTestProvider(),
    retrySchedule: config.retrySchedule,
    leaseMs: config.leaseMs,
    concurrency: concurrencyOf(config),
    attemptMaxMs: config.sendTimeoutMs + attemptSlackMs,
    onRoom: () => onRoom(),
  });
  const sweep = createSweep({
    db,
    log,
    clock,
    telemetry,
    deliver,
    providers,
    channels: externalChannels,
    intervalMs: config.sweepIntervalMs,
    leaseMs: config.leaseMs,
    pendingGraceMs: config.pendingGraceMs,
    retentionDays: config.retentionDays,
  });
  onRoom = sweep.wake;
  const accept = createAccept({ db, cache, log, clock, telemetry });
  log.consume((batch, lane) =>
    dispatch({ db, cache, clock, telemetry, deliver, leaseMs: config.leaseMs }, batch, lane),
  );
  await sweep.start();
  watch({ telemetry, log, accept, sweep });

  const app: App = {
    config,
    dev,
    stopping: false,
    db,
    cache,
    log,
    clock,
    telemetry,
    providers,
    accept,
    deliver,
    sweep,
    async stop() {
      app.stopping = true;
      await accept.drained();
      await sweep.stop();
      await log.close();
      await deliver.stop(config.drainMs);
      await Promise.all(Object.values(providers).map((provider) => provider.close?.()));
      await db.close();
      release();
    },
  };
  return app;
}

interface OpenDatabase {
  db: Database;
  /** Migrations that were applied now. */
  migrated: number[];
  release: () => void;
}

async function openDatabase(config: Config, clock: Clock): Promise<OpenDatabase> {
  const folder = openDataFolder(config.dataDir);
  try {
    const db = await openPgliteDatabase(folder);
    const migrated = await prepareDatabase(db, folder, clock);
    return { db, migrated, release: folder.release };
  } catch (error) {
    folder.release();
    throw error;
  }
}

/** The database alone, for a command that needs no pipeline. Throws a StartError while a service runs on it. */
export async function withDatabase<T>(
  config: Config,
  use: (open: { db: Database; clock: Clock; migrated: number[] }) => Promise<T>,
): Promise<T> {
  const { db, migrated, release } = await openDatabase(config, systemClock);
  try {
    return await use({ db, clock: systemClock, migrated });
  } finally {
    await db.close();
    release();
  }
}

/** What a start would find of its data, without starting. */
export const inspectData = ({ dataDir }: Pick<Config, "dataDir">) => inspectDataFolder(dataDir);

/** Brings the schema up to date, and makes the partitions that the first request needs. */
async function prepareDatabase(db: Database, folder: DataFolder, clock: Clock): Promise<number[]> {
  try {
    const migrated = await migrate(db.orm);
    await ensurePartitions(db.orm, clock.now());
    folder.markComplete(newestVersion);
    return migrated;
  } catch (error) {
    await db.close();
    if (failureOf(error) === "full") {
      throw new StartError(
        `The disk that holds the data folder ${folder.path} is full. Make room, then start again.`,
      );
    }
    if (error instanceof NewerSchemaError) {
      throw new StartError(
        `The data folder ${folder.path} was written by a newer Carillon: ${error.message}. Start that version, or set DATA_DIR to another folder.`,
      );
    }
    throw error;
  }
}

function sandboxIn(db: Database, clock: Clock) {
  return createSandboxProvider({
    keep: async ({ projectId, user, channel, title, body, notificationId }: Message) => {
      const address = addressOf(user, channel);
      await keepSandboxMessage(db.orm, {
        id: newId(clock.now()),
        projectId,
        userId: user.id,
        channel,
        notificationId,
        message: JSON.stringify({ address, title, body, notification_id: notificationId }),
        keep: sandboxMax,
      });
    },
  });
}

/** What sends on each channel; where nothing does, the sandbox, if there is one. */
export function providersOf(config: Config, sandbox: Providers["email"] | null): Providers {
  const providers: Providers = {};
  if (sandbox) for (const channel of externalChannels) providers[channel] = sandbox;
  const { smtpUrl, emailFrom, emailConnections, webhookSecret, webhookAllowPrivate, sendTimeoutMs } = config;
  if (smtpUrl !== null) {
    providers.email = createSmtpProvider({
      url: smtpUrl,
      from: emailFrom,
      connections: emailConnections,
      timeoutMs: sendTimeoutMs,
    });
  }
  if (webhookSecret !== null) {
    providers.webhook = createWebhookProvider({
      secret: webhookSecret,
      allowPrivate: webhookAllowPrivate,
      timeoutMs: sendTimeoutMs,
    });
  }
  return providers;
}

function concurrencyOf({ emailConnections, webhookConnections }: Config): Record<ExternalChannel, number> {
  return {
    email: emailConnections,
    webhook: webhookConnections,
    sms: defaultConcurrency,
    push: defaultConcurrency,
    chat: defaultConcurrency,
  };
}

/** Numbers that are read when the metrics are asked for. */
function watch({ telemetry, log, accept, sweep }: Pick<App, "telemetry" | "log" | "accept" | "sweep">): void {
  telemetry.gauge(
    "carillon_event_log_backlog",
    "Events published and not yet planned, by lane",
    ["lane"],
    () => Object.entries(log.backlog()).map(([lane, count]) => [{ lane }, count]),
  );
  telemetry.gauge("carillon_accept_waiting", "Requests that wait to be stored", [], () => [
    [{}, accept.waiting()],
  ]);
  telemetry.gauge("carillon_due_oldest_seconds", "For how long the oldest due row has waited", [], () => [
    [{}, sweep.oldestDueSeconds()],
  ]);
}
