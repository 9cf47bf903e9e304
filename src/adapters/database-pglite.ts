import { PGlite } from "@electric-sql/pglite";
import initdbWasm from "@electric-sql/pglite/initdb.wasm" with { type: "file" };
import bundleData from "@electric-sql/pglite/pglite.data" with { type: "file" };
import postgresWasm from "@electric-sql/pglite/pglite.wasm" with { type: "file" };
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/pglite";
import preparedFolder from "../../node_modules/@electric-sql/pglite-prepopulatedfs/dist/prepopulatedfs.tgz" with {
  type: "file",
};
import { StartError } from "../errors.ts";
import type { Database } from "../ports.ts";
import type { DataFolder } from "./data-folder.ts";

/** Tables whose rows come and go. PGlite has no autovacuum: without this, their dead rows would stay. */
const churned = ["due", "dead_letters", "idempotency_keys", "users"];

/**
 * PostgreSQL in this process (PGlite), on a folder that nobody else has open. One connection: statements
 * run one after another. What was committed survives the end of the process, `kill -9` included; against a
 * power cut it is only as safe as the operating system's write-back, since PGlite does not fsync.
 */
export async function openPgliteDatabase(folder: DataFolder): Promise<Database> {
  const compiled = async (path: string) => WebAssembly.compile(await Bun.file(path).arrayBuffer());
  const [pgliteWasmModule, initdbWasmModule] = await Promise.all([
    compiled(postgresWasm),
    compiled(initdbWasm),
  ]);
  let client: PGlite;
  try {
    client = await PGlite.create({
      dataDir: folder.databasePath,
      fsBundle: Bun.file(bundleData),
      pgliteWasmModule,
      initdbWasmModule,
      // An empty database, made beforehand: initdb would take 5 s of the first start.
      ...(folder.isNew ? { loadDataDir: Bun.file(preparedFolder) } : {}),
    });
  } catch (error) {
    throw new StartError(
      `The embedded database in ${folder.databasePath} cannot be opened: ${(error as Error).message}. ` +
        "Is the disk full, or the folder from another version of PostgreSQL?",
    );
  }
  const orm = drizzle(client);
  return {
    orm,
    exclusive: true,
    async maintain() {
      for (const table of churned) await orm.execute(sql.raw(`vacuum (analyze) ${table}`));
      await orm.execute(sql`analyze notifications, deliveries, attempts`);
    },
    close: () => client.close(),
  };
}
