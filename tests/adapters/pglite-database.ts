import { openDataFolder } from "../../src/adapters/data-folder.ts";
import { openPgliteDatabase } from "../../src/adapters/database-pglite.ts";
import { tempFolder } from "../temp-folder.ts";
import type { TestDatabase } from "./database-counters.ts";

/** The embedded database, empty, in a folder of its own. */
export async function pgliteDatabase(): Promise<TestDatabase> {
  const temp = tempFolder();
  const open = async () => {
    const folder = openDataFolder(temp.path);
    const db = await openPgliteDatabase(folder);
    folder.markComplete(0);
    return { folder, db };
  };
  let { folder, db } = await open();
  const close = async () => {
    await db.close();
    folder.release();
  };
  return {
    get db() {
      return db;
    },
    async reopen() {
      await close();
      ({ folder, db } = await open());
    },
    async [Symbol.asyncDispose]() {
      await close();
      await temp[Symbol.asyncDispose]();
    },
  };
}
