import { type ServerState, serverState } from "../../db/server-state.ts";
import type { DatabaseTelemetry } from "../telemetry-database.ts";
import { openPostgresDatabase, type PostgresOptions } from "./database-postgres.ts";

/**
 * Looks at a server as a start would, and changes nothing.
 *
 * @throws StartError where it cannot be used, which says why and what to do
 */
export async function probePostgres(
  options: PostgresOptions,
  telemetry: DatabaseTelemetry,
): Promise<ServerState> {
  const few = { databaseReplicaUrl: null, databasePoolMax: 2, databasePoolMin: 0 };
  const db = await openPostgresDatabase({ ...options, ...few }, telemetry);
  try {
    return await serverState(db.orm);
  } finally {
    await db.close();
  }
}
