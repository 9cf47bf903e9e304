import { failureOf } from "../db/failure.ts";
import { databaseFigures } from "../db/figures.ts";
import { newId } from "../db/id.ts";
import { migrate, NewerSchemaError, newestVersion } from "../db/migrate.ts";
import { ensurePartitions } from "../db/partitions.ts";
import { periodDaysFor } from "../db/periods.ts";
import { keepSandboxMessage } from "../db/queries/sandbox.ts";
import { createMongoArchive } from "./adapters/archive-mongodb.ts";
import { createMemoryCache } from "./adapters/cache-memory.ts";
import { createRedisCache } from "./adapters/cache-redis.ts";
import { type DataFolder, inspectDataFolder, openDataFolder } from "./adapters/data-folder.ts";
import { openPgliteDatabase } from "./adapters/database-pglite.ts";
import { openPostgresDatabase } from "./adapters/database-postgres.ts";
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
import { openEventLog } from "./parts-event-log.ts";
import { openTracing, tracesFlushMs } from "./parts-tracing.ts";
import type { Archive, Cache, Clock, Database, EventLog } from "./ports.ts";
import { createTelemetry, type Telemetry } from "./telemetry.ts";
import { type ArchiveTelemetry, createArchiveTelemetry } from "./telemetry-archive.ts";
import { createCacheTelemetry } from "./telemetry-cache.ts";
import { createDatabaseTelemetry } from "./telemetry-database.ts";
import { watchDatabaseServer } from "./telemetry-database-server.ts";
import type { Tracing } from "./telemetry-tracing.ts";

/** What a thread needs of the outside: the implementations that the settings choose, opened. */
export interface Parts {
  db: Database;
  cache: Cache;
  log: EventLog;
  /** Null where closed notifications stay in the database until RETENTION_DAYS. */
  archive: Archive | null;
  archiveTelemetry: ArchiveTelemetry;
  providers: Providers;
  /** Null where nobody takes traces. */
  tracing: Tracing | null;
  /** Closes what is still open, in order. */
  close(): Promise<void>;
}

interface DataOptions {
  config: Config;
  clock: Clock;
  telemetry: Telemetry;
  /** Whether the database is brought up to date; else it is opened as it is. */
  migrates: boolean;
}

interface PartsOptions extends Omit<DataOptions, "migrates"> {
  dev: boolean;
  /** Which of the workers this is, whose main thread has brought the database up to date; null for that one. */
  worker?: number | null;
}

export const externalChannels = channels.filter((channel): channel is ExternalChannel => channel !== "inbox");

/** How many messages the sandbox keeps. */
const sandboxMax = 1000;

export const systemClock: Clock = { now: () => Date.now() };

/** What keys in the cache begin with: the caches that are counted by name. */
const cacheNames = ["user", "key", "notification", "answer", "rate"];

/** Opens everything, and brings the database up to date. Throws a StartError that says what to do. */
export async function openParts(options: PartsOptions): Promise<Parts> {
  const { config, dev, clock, telemetry, worker = null } = options;
  const { db, release } = await openDatabase({ config, clock, telemetry, migrates: worker === null });
  if (worker === null) watchDatabaseServer(telemetry.registry, () => databaseFigures(db.orm));
  const cache = await openCache(config, db, telemetry);
  const log = openEventLog(config, telemetry, worker);
  const archiveTelemetry = createArchiveTelemetry(telemetry);
  const archive = openArchive(config, archiveTelemetry);
  const providers = providersOf(config, dev ? sandboxIn(db, clock) : null);
  const tracing = await openTracing(config, telemetry);
  return {
    db,
    cache,
    log,
    archive,
    archiveTelemetry,
    providers,
    tracing,
    async close() {
      await log.close();
      await archive?.close();
      await Promise.all(Object.values(providers).map((provider) => provider.close?.()));
      await cache.close();
      await db.close();
      release();
      await tracing?.close(tracesFlushMs);
    },
  };
}

function openCache(config: Config, db: Database, { registry, log }: Telemetry): Cache | Promise<Cache> {
  const telemetry = createCacheTelemetry({ registry, log, names: cacheNames });
  const { redisUrl } = config;
  if (redisUrl !== null) return createRedisCache({ ...config, redisUrl }, telemetry);
  return createMemoryCache({ telemetry, ...(db.exclusive ? {} : { signals: db.signals }) });
}

/** It connects when it is first asked. */
function openArchive(config: Config, telemetry: ArchiveTelemetry): Archive | null {
  if (config.mongodbUrl === null) return null;
  return createMongoArchive({
    url: config.mongodbUrl,
    poolMax: config.mongodbPoolMax,
    poolMin: Math.min(config.mongodbPoolMin, config.mongodbPoolMax),
    idleTimeoutMs: config.mongodbIdleTimeoutMs,
    telemetry,
  });
}

interface OpenDatabase {
  db: Database;
  /** Migrations that were applied now. */
  migrated: number[];
  release: () => void;
}

async function openDatabase(options: DataOptions): Promise<OpenDatabase> {
  const { databaseUrl } = options.config;
  return databaseUrl === null ? openEmbedded(options) : openServer(databaseUrl, options);
}

const databaseTelemetry = ({ databaseSlowQueryMs }: Config, { registry, log }: Telemetry) =>
  createDatabaseTelemetry({ registry, log, slowQueryMs: databaseSlowQueryMs });

async function openServer(
  databaseUrl: string,
  { config, clock, telemetry, migrates }: DataOptions,
): Promise<OpenDatabase> {
  const db = await openPostgresDatabase({ ...config, databaseUrl }, databaseTelemetry(config, telemetry));
  try {
    const migrated = migrates ? await bringUpToDate(db, { clock, config }) : [];
    return { db, migrated, release: () => {} };
  } catch (error) {
    await db.close();
    if (error instanceof NewerSchemaError) {
      throw new StartError(
        `The database of DATABASE_URL was written by a newer Carillon: ${error.message}. Start that version, or name another database.`,
      );
    }
    throw error;
  }
}

async function openEmbedded({ config, clock, telemetry, migrates }: DataOptions): Promise<OpenDatabase> {
  const folder = openDataFolder(config.dataDir);
  try {
    const db = await openPgliteDatabase(folder, databaseTelemetry(config, telemetry));
    const migrated = migrates ? await prepareFolder(db, folder, { clock, config }) : [];
    return { db, migrated, release: folder.release };
  } catch (error) {
    folder.release();
    throw error;
  }
}

/** Brings the schema up to date, and makes the partitions that the first request needs. */
async function bringUpToDate(
  { orm }: Database,
  { clock, config }: Pick<DataOptions, "clock" | "config">,
): Promise<number[]> {
  const migrated = await migrate(orm);
  await ensurePartitions(orm, clock.now(), periodDaysFor(config.retentionDays));
  return migrated;
}

/** What a command needs that is no service. */
export interface OpenData {
  db: Database;
  clock: Clock;
  /** Migrations that were applied now. */
  migrated: number[];
  /** The cache that services share, opened when it is first asked for. */
  cache(): Promise<Cache>;
}

/**
 * The data alone, for a command that needs no pipeline. Beside services on a server, but not beside one on a data
 * folder: then it throws a StartError.
 */
export async function withDatabase<T>(
  config: Config,
  use: (open: OpenData) => Promise<T>,
  { migrates = true } = {},
): Promise<T> {
  const telemetry = createTelemetry({ level: config.logLevel });
  const { db, migrated, release } = await openDatabase({ config, clock: systemClock, telemetry, migrates });
  let cache: Promise<Cache> | undefined;
  try {
    return await use({
      db,
      clock: systemClock,
      migrated,
      cache() {
        cache ??= Promise.resolve(openCache(config, db, telemetry));
        return cache;
      },
    });
  } finally {
    await (await cache)?.close();
    await db.close();
    release();
  }
}

/** What a start would find of its data, without starting. */
export const inspectData = ({ dataDir }: Pick<Config, "dataDir">) => inspectDataFolder(dataDir);

async function prepareFolder(
  db: Database,
  folder: DataFolder,
  settled: Pick<DataOptions, "clock" | "config">,
): Promise<number[]> {
  try {
    const migrated = await bringUpToDate(db, settled);
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
  const { smtpUrl, emailFrom, emailConnections, sendTimeoutMs } = config;
  const { webhookSecret, webhookAllowPrivate, webhookConnections } = config;
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
      connections: webhookConnections,
      allowPrivate: webhookAllowPrivate,
      timeoutMs: sendTimeoutMs,
    });
  }
  return providers;
}
