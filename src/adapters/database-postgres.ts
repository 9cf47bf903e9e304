import { inOrderOf } from "../../db/cursor.ts";
import { serverFacts } from "../../db/server.ts";
import { type Drizzle, nameOfStatement, unbounded } from "../../db/statement.ts";
import { transaction } from "../../db/transaction.ts";
import type { Database } from "../ports.ts";
import type { DatabaseTelemetry, PoolName } from "../telemetry-database.ts";
import { clientOf, type DrizzleClient, ormOf } from "./postgres-client.ts";
import { type ConnectionOptions, openConnection, type Rows } from "./postgres-connection.ts";
import { cursorOn } from "./postgres-cursor.ts";
import { createPool, type Pool } from "./postgres-pool.ts";
import { type Reads, readsOf, readsOfReplica } from "./postgres-replica.ts";
import { createPostgresSignals } from "./postgres-signals.ts";
import { noRightsError, oldestVersion, startErrorOf, tooOldError } from "./postgres-start.ts";

/** The settings of src/config-database.ts. */
export interface PostgresOptions {
  databaseUrl: string;
  databaseReplicaUrl: string | null;
  databasePgbouncer: boolean;
  databasePoolMax: number;
  databasePoolMin: number;
  databaseIdleTimeoutMs: number;
  databaseConnectionUses: number;
  databaseConnectTimeoutMs: number;
  databaseStatementTimeoutMs: number;
  /** How long after it should have cancelled a statement the server is taken for gone. */
  answerSlackMs?: number;
  /** How long a replica may take to answer before the primary is asked. */
  replicaAnswerMs?: number;
  /** For how long a replica that did not answer is left alone. */
  replicaAloneMs?: number;
}

const answerSlackMs = 5000;
/** The guide wants the 95th percentile of a query below 100 ms. */
const replicaAnswerMs = 1500;
const replicaAloneMs = 5000;

/**
 * A PostgreSQL server. Its statements run at the same time, each on a connection of a bounded pool.
 *
 * @throws StartError where the server cannot be used, which says why and what to do
 */
export async function openPostgresDatabase(
  options: PostgresOptions,
  telemetry: DatabaseTelemetry,
): Promise<Database> {
  const { databaseUrl, databaseReplicaUrl } = options;
  const pool = openPool(databaseUrl, "primary", options, telemetry);
  const orm = ormOf(
    clientOf(pool, (text, params, run) =>
      text.startsWith(unbounded) ? runAlone(databaseUrl, options, text) : pool.run(text, params, run),
    ),
  );
  try {
    await requireUsable(orm, databaseUrl);
  } catch (error) {
    await pool.close();
    throw startErrorOf(error, databaseUrl);
  }
  const replicaPool =
    databaseReplicaUrl === null ? null : openPool(databaseReplicaUrl, "replica", options, telemetry);
  const reads = replicaPool === null ? readsOf(pool) : readsOfPools(replicaPool, pool, options, telemetry);
  const replica = replicaPool === null ? orm : ormOf(clientOfReads(reads, pool));
  const signals = options.databasePgbouncer
    ? deaf
    : createPostgresSignals(
        orm,
        (onNotify, onLost) =>
          openConnection(
            { ...connectionOptions(databaseUrl, options), ...(onNotify ? { onNotify } : {}) },
            onLost,
          ),
        { lost: telemetry.signalsLost, back: telemetry.signalsBack },
      );

  return {
    orm,
    replica,
    exclusive: false,
    signals,
    transaction: (work) => transaction(orm, work, telemetry.conflictRetried),
    cursorQuery: (query, key, batchRows, name = "unnamed") =>
      cursorOn(reads, { query: inOrderOf(key, query), batchRows, name }),
    // Autovacuum and the checkpointer do so by themselves.
    maintain: async () => {},
    boundRecovery: async () => {},
    async close() {
      await signals.close();
      await replicaPool?.close();
      await pool.close();
    },
  };
}

/** PgBouncer hands a connection to another after each transaction: nothing can be listened to. */
const deaf = { send: async () => {}, listen: () => {}, heard: () => false, close: async () => {} };

const connectionOptions = (url: string, options: PostgresOptions): ConnectionOptions => ({
  url,
  connectTimeoutMs: options.databaseConnectTimeoutMs,
  statementTimeoutMs: options.databaseStatementTimeoutMs,
  pgbouncer: options.databasePgbouncer,
});

function openPool(url: string, name: PoolName, options: PostgresOptions, telemetry: DatabaseTelemetry): Pool {
  const pool = createPool(
    (onLost) => openConnection(connectionOptions(url, options), onLost),
    {
      max: options.databasePoolMax,
      min: Math.min(options.databasePoolMin, options.databasePoolMax),
      idleTimeoutMs: options.databaseIdleTimeoutMs,
      usesMax: options.databaseConnectionUses,
      waitTimeoutMs: options.databaseConnectTimeoutMs,
      answerTimeoutMs: options.databaseStatementTimeoutMs + (options.answerSlackMs ?? answerSlackMs),
    },
    {
      answered: (text, ms) => telemetry.queryFinished(nameOfStatement(text), ms),
      opened: () => telemetry.connectionOpened(name),
      closed: (why, uses) => telemetry.connectionClosed(name, why, uses),
      refused: (error) => telemetry.connectionRefused(name, error),
      writesRefused: () => telemetry.writesRefused(name),
    },
  );
  telemetry.poolOpened(name, pool.counts);
  return pool;
}

/** On a connection of its own, for as long as it takes. */
async function runAlone(url: string, options: PostgresOptions, text: string): Promise<Rows> {
  const connection = await openConnection({ ...connectionOptions(url, options), statementTimeoutMs: 0 });
  try {
    return await connection.run(text, [], { prepare: false, arrays: false });
  } finally {
    await connection.close();
  }
}

function readsOfPools(
  replicaPool: Pool,
  pool: Pool,
  options: PostgresOptions,
  telemetry: DatabaseTelemetry,
): Reads {
  const times = {
    answerMs: options.replicaAnswerMs ?? replicaAnswerMs,
    aloneMs: options.replicaAloneMs ?? replicaAloneMs,
  };
  const events = {
    passedOver: telemetry.replicaPassedOver,
    lost: telemetry.replicaLost,
    back: telemetry.replicaBack,
  };
  return readsOfReplica(replicaPool, pool, times, events);
}

const clientOfReads = (reads: Reads, pool: Pool): DrizzleClient =>
  clientOf(pool, (text, params, run) => reads((from) => from.run(text, [...params], run)));

async function requireUsable(orm: Drizzle, url: string): Promise<void> {
  const { major, version, mayCreate } = await serverFacts(orm);
  if (major < oldestVersion) throw tooOldError(url, version);
  if (!mayCreate) throw noRightsError(url);
}
