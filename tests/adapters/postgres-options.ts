import type { PostgresOptions } from "../../src/adapters/database-postgres.ts";
import type { DatabaseTelemetry } from "../../src/telemetry-database.ts";

/** The defaults of the settings, but for what is given. */
export const postgresOptions = (
  databaseUrl: string,
  changes: Partial<PostgresOptions> = {},
): PostgresOptions => ({
  databaseUrl,
  databaseReplicaUrl: null,
  databasePgbouncer: false,
  databasePoolMax: 8,
  databasePoolMin: 1,
  databaseIdleTimeoutMs: 30_000,
  databaseConnectionUses: 7500,
  databaseConnectTimeoutMs: 5000,
  databaseStatementTimeoutMs: 30_000,
  ...changes,
});

const nothing = () => {};

/** Tells nobody. */
export const quiet: DatabaseTelemetry = {
  queryFinished: nothing,
  conflictRetried: nothing,
  connectionOpened: nothing,
  connectionClosed: nothing,
  connectionRefused: nothing,
  writesRefused: nothing,
  poolOpened: nothing,
  replicaPassedOver: nothing,
  replicaLost: nothing,
  replicaBack: nothing,
  signalsLost: nothing,
  signalsBack: nothing,
};
