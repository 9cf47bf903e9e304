import { Database as Sqlite } from "bun:sqlite";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { StartError } from "../errors.ts";

export interface DataFolder {
  path: string;
  /** Where the embedded PostgreSQL keeps its files. */
  databasePath: string;
  /** No complete database was in it yet. */
  isNew: boolean;
  /** Says that the database is complete, and its schema's version: until then the next start begins anew. */
  markComplete(schemaVersion: number): void;
  release(): void;
}

/**
 * Takes a folder for this process alone. The lock is SQLite's on a file of its own: the operating system
 * lets go of it however the process ends, so that no stale lock outlives a `kill -9`.
 */
export function openDataFolder(folder: string): DataFolder {
  const path = resolve(folder);
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartError(`DATA_DIR=${path} cannot be made: ${(error as Error).message}`);
  }
  const { ownerFile, lockFile, databasePath, completeFile } = filesIn(path);
  const lock = takeLock(path, lockFile, ownerFile);
  writeFileSync(ownerFile, String(process.pid));
  const isNew = !existsSync(completeFile);
  if (!isNew && !existsSync(databasePath)) {
    lock.close();
    throw new StartError(
      `The data folder ${path} has lost its database, ${databasePath}. Put it back from a backup, or set DATA_DIR to another folder.`,
    );
  }
  if (isNew && existsSync(databasePath)) {
    // A first start was cut off. Nothing was accepted on it, but deleting is not ours to do.
    renameSync(databasePath, `${databasePath}-incomplete-${Date.now()}`);
  }
  return {
    path,
    databasePath,
    isNew,
    markComplete: (schemaVersion) => writeFileSync(completeFile, `${schemaVersion}\n`),
    release: () => lock.close(),
  };
}

const filesIn = (path: string) => ({
  lockFile: join(path, "lock"),
  ownerFile: join(path, "process"),
  completeFile: join(path, "complete"),
  databasePath: join(path, "postgres"),
});

function takeLock(path: string, lockFile: string, ownerFile: string): Sqlite {
  let lock: Sqlite | undefined;
  try {
    lock = new Sqlite(lockFile, { create: true });
    lock.run("pragma locking_mode = exclusive");
    lock.run("begin exclusive");
    return lock;
  } catch (error) {
    lock?.close();
    if ((error as { code?: string }).code === "SQLITE_BUSY") {
      throw new StartError(
        `The data folder ${path} is in use by another Carillon (${ownerIn(ownerFile)}). Stop that one, or set DATA_DIR to another folder.`,
      );
    }
    throw new StartError(`The data folder ${path} cannot be locked: ${(error as Error).message}`);
  }
}

const ownerIn = (ownerFile: string) =>
  existsSync(ownerFile) ? `process ${readFileSync(ownerFile, "utf8").trim()}` : "a process that is not known";

export interface FoundDataFolder {
  path: string;
  /** Where it lies: itself, or the closest folder above it that exists. */
  closest: string;
  /** Who has it open, such as "process 4711". */
  usedBy: string | null;
  /** `incomplete`: the first start was cut off; `lost`: it was complete, and its PostgreSQL files are gone. */
  database: "none" | "incomplete" | "complete" | "lost";
  /** As the last start noted it. */
  schemaVersion: number | null;
  /** When it was last started. */
  startedAtMs: number | null;
}

/** What there is of a data folder, found without changing it. Throws what the file system says. */
export function inspectDataFolder(folder: string): FoundDataFolder {
  const path = resolve(folder);
  const { ownerFile, lockFile, databasePath, completeFile } = filesIn(path);
  let closest = path;
  while (!existsSync(closest)) closest = dirname(closest);
  const complete = existsSync(completeFile);
  const files = existsSync(join(databasePath, "PG_VERSION"));
  const noted = complete ? readFileSync(completeFile, "utf8").trim() : "";
  return {
    path,
    closest,
    usedBy: isLocked(lockFile) ? ownerIn(ownerFile) : null,
    database: complete ? (files ? "complete" : "lost") : files ? "incomplete" : "none",
    schemaVersion: /^\d+$/.test(noted) ? Number(noted) : null,
    startedAtMs: existsSync(ownerFile) ? statSync(ownerFile).mtimeMs : null,
  };
}

/** Reads under the lock, and so neither takes it nor makes a file. */
function isLocked(lockFile: string): boolean {
  if (!existsSync(lockFile)) return false;
  const lock = new Sqlite(lockFile, { readonly: true });
  try {
    lock.query("pragma schema_version").get();
    return false;
  } catch (error) {
    if ((error as { code?: string }).code === "SQLITE_BUSY") return true;
    throw error;
  } finally {
    lock.close();
  }
}
