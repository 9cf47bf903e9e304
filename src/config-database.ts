import { flag, integer, setting, urlOf } from "./config-setting.ts";

const postgresUrl = urlOf("postgres:", "postgresql:");

/** PostgreSQL, instead of the embedded database. The pool's figures are the guide's. */
export const databaseSettings = {
  databaseUrl: setting({
    name: "DATABASE_URL",
    default: null,
    unit: "URL",
    sentence: "A PostgreSQL server (15 or newer), as postgres://user:password@host:5432/database.",
    schema: postgresUrl,
    secret: true,
  }),
  databaseReplicaUrl: setting({
    name: "DATABASE_REPLICA_URL",
    default: null,
    unit: "URL",
    sentence:
      "A read replica of it, for lists and exports; while it does not answer, they go to DATABASE_URL.",
    schema: postgresUrl,
    secret: true,
  }),
  databasePgbouncer: setting({
    name: "DATABASE_PGBOUNCER",
    default: "0",
    unit: "0 or 1",
    sentence:
      "Whether DATABASE_URL leads through PgBouncer in transaction mode: no prepared statements, no LISTEN.",
    schema: flag,
  }),
  databasePoolMax: setting({
    name: "DATABASE_POOL_MAX",
    default: "25",
    unit: "connections",
    sentence: "How many connections the process, and each worker of it, opens at most.",
    schema: integer(2, 1000),
  }),
  databasePoolMin: setting({
    name: "DATABASE_POOL_MIN",
    default: "5",
    unit: "connections",
    sentence: "How many connections are kept open though nothing uses them.",
    schema: integer(0, 1000),
  }),
  databaseIdleTimeoutMs: setting({
    name: "DATABASE_IDLE_TIMEOUT_MS",
    default: "30000",
    unit: "ms",
    sentence: "After how long an unused connection beyond DATABASE_POOL_MIN is closed.",
    schema: integer(100, 3_600_000),
  }),
  databaseConnectionUses: setting({
    name: "DATABASE_CONNECTION_USES",
    default: "7500",
    unit: "uses",
    sentence: "After how many statements or transactions a connection is replaced by a new one.",
    schema: integer(1, 1_000_000_000),
  }),
  databaseConnectTimeoutMs: setting({
    name: "DATABASE_CONNECT_TIMEOUT_MS",
    default: "5000",
    unit: "ms",
    sentence: "How long opening a connection, or waiting for a free one, may take.",
    schema: integer(100, 60_000),
  }),
  databaseStatementTimeoutMs: setting({
    name: "DATABASE_STATEMENT_TIMEOUT_MS",
    default: "30000",
    unit: "ms",
    sentence: "How long a statement may run before the server cancels it.",
    schema: integer(100, 3_600_000),
  }),
  databaseSlowQueryMs: setting({
    name: "DATABASE_SLOW_QUERY_MS",
    default: "1000",
    unit: "ms",
    sentence: "Statements that took longer are logged with their name and counted.",
    schema: integer(1, 3_600_000),
  }),
};
