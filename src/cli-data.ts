import { newestVersion, schemaVersion } from "../db/migrate.ts";
import type { Config } from "./config.ts";
import { StartError } from "./errors.ts";
import { inspectData, type OpenData, withDatabase } from "./parts.ts";
import { addressIn } from "./server-address.ts";

/**
 * The data as it is, for a command that changes nothing: neither folder nor tables are made, and nothing is migrated.
 *
 * @throws StartError where there is no data, or of another version than this Carillon's
 */
export async function withDataAsItIs<T>(config: Config, use: (open: OpenData) => Promise<T>): Promise<T> {
  const place = requireData(config);
  const open = async (open: OpenData) => {
    requireCurrent(await schemaVersion(open.db.orm), place);
    return use(open);
  };
  return withDatabase(config, open, { migrates: false });
}

/** Gives where it is, in words. */
function requireData(config: Config): string {
  if (config.databaseUrl !== null) return `PostgreSQL at ${addressIn(config.databaseUrl)}`;
  const { path, database } = inspectData(config);
  const place = `The data folder ${path}`;
  if (database !== "complete") throw noData(place);
  return place;
}

function requireCurrent(version: number, place: string): void {
  if (version === newestVersion) return;
  if (version === 0) throw noData(place);
  const found = `${place} is at version ${version}, this Carillon at ${newestVersion}.`;
  throw new StartError(
    version < newestVersion
      ? `${found} Bring it up to date by carillon migrate first.`
      : `${found} It was written by a newer Carillon: use that one.`,
  );
}

const noData = (place: string) =>
  new StartError(
    `${place} holds no Carillon data. Name the service's by DATABASE_URL or DATA_DIR, or make its tables by carillon migrate.`,
  );
