import { newestVersion } from "../db/migrate.ts";
import type { ServerState } from "../db/server-state.ts";
import type { Config } from "./config.ts";
import { examineBacklog } from "./doctor-database-backlog.ts";
import { examineTrouble } from "./doctor-database-trouble.ts";
import { type Finding, fail, ok, type Result, sentence, warn } from "./doctor-finding.ts";
import { StartError } from "./errors.ts";
import { type DatabaseLook, lookAtDatabase, lookAtPostgres } from "./probes.ts";
import { addressIn } from "./server-address.ts";
import { workerCount } from "./worker-share.ts";

/** Times come from the process, and decide what is due: with clocks further apart than this, processes disagree. */
const clockSlackMs = 1000;
/** Lists that are further behind than this surprise whoever has just sent something. */
const lagMaxSeconds = 10;
/** What a thread opens beside its pool: the connection that it is told by. */
const listeners = 1;

export async function examineDatabase(config: Config, url: string): Promise<Finding[]> {
  let looked: DatabaseLook;
  try {
    looked = await lookAtDatabase(config, url);
  } catch (error) {
    return [{ check: "database", ...unusable(error, "DATABASE_URL"), entry: "database" }];
  }
  const { state, trouble, backlog } = looked;
  return [
    { check: "database", ...schemaOf(state, url) },
    ...(config.databasePgbouncer ? [] : [{ check: "connections", ...connectionsOf(state, config) }]),
    { check: "clock", ...clockOf(state) },
    ...(trouble === null ? [] : examineTrouble(trouble)),
    ...(backlog === null ? [] : examineBacklog(backlog)),
  ];
}

/** What a start would say, its last sentences being what to do. */
function unusable(error: unknown, setting: string): Result {
  const message = (error as Error).message.replaceAll("DATABASE_URL", setting);
  if (!(error instanceof StartError)) return fail(sentence(message), "A start would run into the same.");
  const [found = message, ...todo] = message.split(/(?<=\.) (?=[A-Z])/);
  return fail(found, todo.join(" "));
}

function schemaOf({ version, schemaVersion }: ServerState, url: string): Result {
  const place = `PostgreSQL ${version} at ${addressIn(url)}`;
  if (schemaVersion > newestVersion) {
    return fail(
      `${place} was written by a newer Carillon (version ${schemaVersion}; this one knows ${newestVersion}).`,
      "Start that one, or name another database in DATABASE_URL.",
    );
  }
  if (schemaVersion === 0) return ok(`${place} holds nothing yet: the first start makes its tables.`);
  const next = schemaVersion < newestVersion ? `; the start migrates it to ${newestVersion}` : "";
  return ok(`${place} holds a database at version ${schemaVersion}${next}.`);
}

function connectionsOf({ connectionsMax, connectionsTaken }: ServerState, config: Config): Result {
  const threads = 1 + workerCount(config);
  const needed = threads * (config.databasePoolMax + listeners);
  const fits = Math.floor((connectionsMax - connectionsTaken) / needed);
  const others = connectionsTaken === 0 ? "" : `, and others hold ${connectionsTaken}`;
  const found = `A process opens up to ${needed} connections, the server takes ${connectionsMax}${others}`;
  if (fits >= 1) {
    return ok(`${found}: enough for ${fits === 1 ? "one process" : `${fits} processes`}.`);
  }
  return warn(
    `${found}.`,
    "Lower DATABASE_POOL_MAX or WORKERS, raise the server's max_connections, or put PgBouncer before it.",
  );
}

function clockOf({ clockAheadMs }: ServerState): Result {
  const apartMs = Math.abs(clockAheadMs);
  if (apartMs < clockSlackMs) return ok("The clocks of this machine and of the database agree.");
  return warn(
    `The database's clock is ${Math.round(apartMs / 100) / 10} s ${clockAheadMs > 0 ? "ahead of" : "behind"} this machine's.`,
    "Set both by NTP.",
    "wrong-clock",
  );
}

export async function examineReplica(config: Config, url: string): Promise<Result> {
  const place = `The replica at ${addressIn(url)}`;
  try {
    const { lagSeconds } = await lookAtPostgres(config, url);
    if (lagSeconds === null) {
      return warn(
        `${place} is no replica: it takes writes.`,
        "Set DATABASE_REPLICA_URL to a standby of DATABASE_URL, or lists may miss what was stored.",
      );
    }
    if (lagSeconds <= lagMaxSeconds) return ok(`${place} is ${Math.round(lagSeconds)} s behind.`);
    return warn(
      `${place} is ${Math.round(lagSeconds)} s behind.`,
      "Lists lack what came since: look at its log.",
      "replica-behind",
    );
  } catch (error) {
    const { found, todo } = unusable(error, "DATABASE_REPLICA_URL");
    return warn(found, `${todo} Until then, lists are read from DATABASE_URL.`);
  }
}
