import type { Drizzle } from "../../db/statement.ts";
import type { DatabaseTelemetry } from "../telemetry-database.ts";
import { openPostgresDatabase, type PostgresOptions } from "./database-postgres.ts";

/**
 * Opens a server as a start would, asks it, and closes it again.
 *
 * @param ask changes nothing
 * @throws StartError where it cannot be used, which says why and what to do; what `ask` throws
 */
export async function probePostgres<T>(
  options: PostgresOptions,
  telemetry: DatabaseTelemetry,
  ask: (db: Drizzle) => Promise<T>,
): Promise<T> {
  const few = { databaseReplicaUrl: null, databasePoolMax: 2, databasePoolMin: 0 };
  const db = await openPostgresDatabase({ ...options, ...few }, telemetry);
  try {
    return await ask(db.orm);
  } finally {
    await db.close();
  }
}
