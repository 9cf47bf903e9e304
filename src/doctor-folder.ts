import { accessSync, constants, statfsSync, statSync } from "node:fs";
import { newestVersion } from "../db/migrate.ts";
import type { Config } from "./config.ts";
import type { Check } from "./doctor-check.ts";
import { fail, ok, type Result, warn } from "./doctor-finding.ts";
import { inspectData } from "./parts.ts";

/** A new data folder takes 40 MB: with less than the first a start may fail, with less than the second it soon will. */
const freeMinBytes = 100 * 1024 ** 2;
const freeGoodBytes = 1024 ** 3;

/** No clock that is right says a time before this version was made. */
const madeAfterMs = Date.UTC(2025, 0, 1);
/** Clocks are corrected by a little, now and then. */
const clockSlackMs = 60_000;

/** Where the database is embedded. */
export const folderChecks: Check[] = [
  { name: "data folder", reads: ["dataDir"], look: lookAtDataFolder },
  { name: "disk", reads: ["dataDir"], look: lookAtDisk },
  { name: "clock", reads: ["dataDir"], look: lookAtClock },
];

function lookAtDataFolder({ dataDir }: Config): Result {
  const { path, closest, usedBy, database, schemaVersion } = inspectData({ dataDir });
  if (usedBy !== null) {
    return warn(`${path} is in use by ${usedBy}.`, "Fine if that is the service; a second one cannot start.");
  }
  if (!statSync(closest).isDirectory()) return fail(`${closest} is no folder.`, "Set DATA_DIR to a folder.");
  try {
    accessSync(closest, constants.W_OK | constants.X_OK);
  } catch {
    return fail(`${closest} cannot be written to.`, "Let the service's user write there, or set DATA_DIR.");
  }
  if (database === "none") return ok(`${path} is new: the first start makes its database.`);
  if (database === "incomplete") {
    return warn(
      `The first start in ${path} was cut off.`,
      "The next one sets its files aside and begins anew.",
    );
  }
  if (database === "lost") {
    const todo = "Put a backup in its place, or set DATA_DIR.";
    return fail(`${path} has lost its PostgreSQL files.`, todo, "restore");
  }
  return lookAtVersion(path, schemaVersion);
}

function lookAtVersion(path: string, version: number | null): Result {
  if (version === null) return ok(`${path} holds a database; the start will ask for its version.`);
  if (version > newestVersion) {
    return fail(
      `${path} was written by a newer Carillon (version ${version}; this one knows ${newestVersion}).`,
      "Start that one, or set DATA_DIR.",
    );
  }
  const next = version < newestVersion ? `; the start migrates it to ${newestVersion}` : "";
  return ok(`${path} holds a database at version ${version}${next}.`);
}

function lookAtDisk({ dataDir }: Config): Result {
  const { closest } = inspectData({ dataDir });
  const { bavail, bsize } = statfsSync(closest);
  const free = bavail * bsize;
  const found = `${Math.floor(free / 1024 ** 2)} MB are free at ${closest}.`;
  if (free < freeMinBytes) return fail(found, "Make room, or set DATA_DIR.", "full-disk");
  if (free < freeGoodBytes) return warn(found, "Make room, or set RETENTION_DAYS lower.", "full-disk");
  return ok(found);
}

/** Ids are times, and decide what is due and what is old enough to be dropped. */
function lookAtClock({ dataDir }: Config): Result {
  const nowMs = Date.now();
  const { startedAtMs } = inspectData({ dataDir });
  const found = `It is ${new Date(nowMs).toISOString()} here`;
  if (nowMs < madeAfterMs)
    return fail(`${found}, which cannot be.`, "Set the clock, best by NTP.", "wrong-clock");
  if (startedAtMs !== null && startedAtMs > nowMs + clockSlackMs) {
    const startedAt = new Date(startedAtMs).toISOString();
    return warn(
      `${found}, and the data was last started at ${startedAt}.`,
      "Is the clock set back?",
      "wrong-clock",
    );
  }
  return ok(`${found}.`);
}
