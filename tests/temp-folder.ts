import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onceGone } from "./process.ts";

export interface TempFolder extends AsyncDisposable {
  /** Absolute. */
  path: string;
}

/**
 * A new, empty folder, unlike any other. It is removed with all it holds when disposed of
 * (`await using folder = tempFolder()`), else once this process is gone, however it ended.
 *
 * @throws the system's error (ENOSPC, EACCES) where none can be made.
 */
export function tempFolder(): TempFolder {
  const path = mkdtempSync(join(tmpdir(), "carillon-"));
  const removal = onceGone("rm", "-rf", path);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true });
      removal.cancel();
    },
  };
}
