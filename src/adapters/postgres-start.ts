import { failureOf } from "../../db/failure.ts";
import { StartError } from "../errors.ts";

/** The oldest server that Carillon is tested on. */
export const oldestVersion = 15;

/** Why a start on this database is not possible, in words; an error that is none of these comes back as it is. */
export function startErrorOf(error: unknown, url: string): unknown {
  const { host, database, user } = partsOf(url);
  const { code, message } = rootOf(error);
  if (code === "28P01" || code === "28000") {
    return new StartError(
      `The PostgreSQL server at ${host} refuses the user "${user}": ${message}. Correct user and password in DATABASE_URL.`,
    );
  }
  if (code === "3D000") {
    return new StartError(
      `The PostgreSQL server at ${host} has no database "${database}". Make it (createdb ${database}), or name another in DATABASE_URL.`,
    );
  }
  if (code === "53300") {
    return new StartError(
      `The PostgreSQL server at ${host} takes no more connections. Lower DATABASE_POOL_MAX, or raise its max_connections, then check DATABASE_URL by carillon doctor.`,
    );
  }
  if (code === "08P01") {
    return new StartError(
      `What answers at ${host} refuses the settings of the connection: ${message}. Is it PgBouncer? Then set DATABASE_PGBOUNCER=1 beside DATABASE_URL.`,
    );
  }
  if (failureOf(error) === "unreachable") {
    return new StartError(
      `No PostgreSQL server answers at ${host}: ${message}. Start it, or correct host and port in DATABASE_URL.`,
    );
  }
  return error;
}

export function tooOldError(url: string, version: string): StartError {
  return new StartError(
    `The PostgreSQL server at ${partsOf(url).host} is of version ${version}; Carillon needs ${oldestVersion} or newer. Upgrade it, or name another in DATABASE_URL.`,
  );
}

export function noRightsError(url: string): StartError {
  const { database, user } = partsOf(url);
  return new StartError(
    `The user "${user}" of DATABASE_URL may not make tables in "${database}". Grant it: grant create on schema public to "${user}"; or name the database's owner in DATABASE_URL.`,
  );
}

/** What may be shown of a URL: never its password. */
function partsOf(url: string) {
  const { host, pathname, username } = new URL(url);
  return {
    host: decodeURIComponent(host),
    database: decodeURIComponent(pathname.slice(1)) || decodeURIComponent(username),
    user: decodeURIComponent(username),
  };
}

/** Drizzle wraps what went wrong into an error that shows the statement. */
function rootOf(error: unknown): Error & { code?: unknown } {
  let at = error as Error;
  while (at.cause instanceof Error) at = at.cause;
  return at;
}
