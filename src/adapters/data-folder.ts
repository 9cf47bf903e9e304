import { Database as Sqlite } from "bun:sqlite";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { StartError } from "../errors.ts";

export interface DataFolder {
  path: string;
  /** Where the embedded PostgreSQL keeps its files. */
  databasePath: string;
  /** No complete database was in it yet. */
  isNew: boolean;
  /** Says that the database is complete: until then the next start begins anew. */
  markComplete(): void;
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
  const ownerFile = join(path, "process");
  const lock = takeLock(path, ownerFile);
  writeFileSync(ownerFile, String(process.pid));
  const databasePath = join(path, "postgres");
  const completeFile = join(path, "complete");
  const isNew = !existsSync(completeFile);
  if (isNew && existsSync(databasePath)) {
    // A first start was cut off. Nothing was accepted on it, but deleting is not ours to do.
    renameSync(databasePath, `${databasePath}-incomplete-${Date.now()}`);
  }
  return {
    path,
    databasePath,
    isNew,
    markComplete: () => writeFileSync(completeFile, ""),
    release: () => lock.close(),
  };
}

function takeLock(path: string, ownerFile: string): Sqlite {
  let lock: Sqlite | undefined;
  try {
    lock = new Sqlite(join(path, "lock"), { create: true });
    lock.run("pragma locking_mode = exclusive");
    lock.run("begin exclusive");
    return lock;
  } catch (error) {
    lock?.close();
    if ((error as { code?: string }).code === "SQLITE_BUSY") {
      const owner = existsSync(ownerFile) ? ` (process ${readFileSync(ownerFile, "utf8").trim()})` : "";
      throw new StartError(
        `The data folder ${path} is in use by another Carillon${owner}. Stop that one, or set DATA_DIR to another folder.`,
      );
    }
    throw new StartError(`The data folder ${path} cannot be locked: ${(error as Error).message}`);
  }
}
