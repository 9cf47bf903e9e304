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
import { createWebhookProvider } from "./channels/providers/webhook.ts";
import type { Config } from "./config.ts";
import { StartError } from "./errors.ts";
import type { Cache, Clock, Database, EventLog } from "./ports.ts";
import type { Telemetry } from "./telemetry.ts";

/** What a thread needs of the outside: the implementations that the settings choose, opened. */
export interface Parts {
  db: Database;
  cache: Cache;
  log: EventLog;
  providers: Providers;
  /** Closes what is still open, in order. */
  close(): Promise<void>;
}

interface PartsOptions {
  config: Config;
  dev: boolean;
  clock: Clock;
  telemetry: Telemetry;
  /** A worker's: the main thread has brought the database up to date. */
  worker?: boolean;
}

export const externalChannels = channels.filter((channel): channel is ExternalChannel => channel !== "inbox");

/** How many messages the sandbox keeps. */
const sandboxMax = 1000;

export const systemClock: Clock = { now: () => Date.now() };

/** Opens everything, and brings the database up to date. Throws a StartError that says what to do. */
export async function openParts({ config, dev, clock, telemetry }: PartsOptions): Promise<Parts> {
  const { db, release } = await openDatabase(config, clock);
  const cache = createMemoryCache();
  const log = createMemoryEventLog({ onError: (error) => telemetry.failed("dispatch", error) });
  const providers = providersOf(config, dev ? sandboxIn(db, clock) : null);
  return {
    db,
    cache,
    log,
    providers,
    async close() {
      await log.close();
      await Promise.all(Object.values(providers).map((provider) => provider.close?.()));
      await cache.close();
      await db.close();
      release();
    },
  };
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
