import { statfsSync } from "node:fs";
import { PGlite } from "@electric-sql/pglite";
import initdbWasm from "@electric-sql/pglite/initdb.wasm" with { type: "file" };
import bundleData from "@electric-sql/pglite/pglite.data" with { type: "file" };
import postgresWasm from "@electric-sql/pglite/pglite.wasm" with { type: "file" };
import type { SQL } from "drizzle-orm";
import { drizzle } from "drizzle-orm/pglite";
import { type KeysetReading, keysetRows } from "../../db/keyset.ts";
import { analyzeChanged, checkpointBeyond, vacuum } from "../../db/maintenance.ts";
import { type Drizzle, nameOfStatement } from "../../db/statement.ts";
import { transaction } from "../../db/transaction.ts";
import preparedFolder from "../../node_modules/@electric-sql/pglite-prepopulatedfs/dist/prepopulatedfs.tgz" with {
  type: "file",
};
import { StartError } from "../errors.ts";
import type { Database } from "../ports.ts";
import type { DatabaseTelemetry } from "../telemetry-database.ts";
import type { DataFolder } from "./data-folder.ts";
import { withPreparedStatements } from "./pglite-statements.ts";

/** What must be left on the disk for a write, in bytes: the largest bulk with its log, and a segment more. */
const roomMinBytes = 64 * 1024 * 1024;

/**
 * How much log a start after a `kill -9` replays at most, in bytes. PGlite has no checkpointer: left alone,
 * the log grows with every write until the next start, which after 200,000 notifications takes 3 s.
 */
const walMaxBytes = 64 * 1024 * 1024;

/**
 * PostgreSQL in this process (PGlite), on a folder that nobody else has open. One connection: statements
 * run one after another. What was committed survives the end of the process, `kill -9` included; against a
 * power cut it is only as safe as the operating system's write-back, since PGlite does not fsync.
 */
export async function openPgliteDatabase(
  folder: DataFolder,
  telemetry: Pick<DatabaseTelemetry, "queryFinished" | "conflictRetried"> = unheard,
): Promise<Database> {
  const compiled = async (path: string) => WebAssembly.compile(await Bun.file(path).arrayBuffer());
  let client: PGlite;
  try {
    const [pgliteWasmModule, initdbWasmModule] = await Promise.all([
      compiled(postgresWasm),
      compiled(initdbWasm),
      folder.isNew ? unpack(preparedFolder, folder.databasePath) : undefined,
    ]);
    client = await PGlite.create({
      dataDir: folder.databasePath,
      fsBundle: Bun.file(bundleData),
      pgliteWasmModule,
      initdbWasmModule,
    });
  } catch (error) {
    throw new StartError(
      `The embedded database in ${folder.databasePath} cannot be opened: ${(error as Error).message}. ` +
        "Is the disk full, or the folder from another version of PostgreSQL?",
    );
  }
  const statements = withPreparedStatements(
    client,
    () => requireRoom(folder.databasePath),
    (text, ms) => telemetry.queryFinished(nameOfStatement(text), ms),
  );
  const orm = drizzle(statements as PGlite);
  return {
    orm,
    replica: orm,
    exclusive: true,
    signals: { send: async () => {}, listen: () => {}, heard: () => true },
    transaction: (work) => transaction(orm, work, telemetry.conflictRetried),
    cursorQuery: <Row>(query: SQL, key: string, batchRows: number, name = "unnamed") =>
      pagesOf<Row>(orm, { query, key, batchRows, name }),
    maintain: () => vacuum(orm),
    boundRecovery: async () => {
      await checkpointBeyond(orm, walMaxBytes);
    },
    close: () => client.close(),
  };
}

/** After how many batches of a long reading the garbage collector is called. */
const batchesPerCollection = 10;

/**
 * PGlite copies each row a few times, outside of what the collector counts, so that it comes too late: 100,000
 * rows of 1.3 KB made the process grow by 850 MB. Called like this, by 30 MB, and in no more time.
 */
async function* pagesOf<Row>(orm: Drizzle, reading: KeysetReading): AsyncGenerator<Row[]> {
  let count = 0;
  await analyzeChanged(orm);
  for await (const batch of keysetRows<Row>(orm, reading)) {
    yield batch;
    count += 1;
    if (count % batchesPerCollection === 0) Bun.gc(false);
  }
}

const unheard = { queryFinished: () => {}, conflictRetried: () => {} };

/** A refusal that reads as PostgreSQL's own (SQLSTATE 53100, disk_full). */
class DiskFullError extends Error {
  override readonly name = "DiskFullError";
  readonly code = "53100";
}

/**
 * Refuses a write while the disk is nearly full. PostgreSQL in wasm does not survive a write-ahead log that
 * cannot grow: it spins for ever, and the whole process with it. What is refused here is answered with 507
 * or tried again, and goes on by itself once there is room.
 */
function requireRoom(path: string): void {
  const { bavail, bsize } = statfsSync(path);
  if (bavail * bsize < roomMinBytes) {
    throw new DiskFullError(
      `less than ${roomMinBytes / 1024 / 1024} MB are left on the disk of ${path}: nothing is written until there is room`,
    );
  }
}

/** An empty database, made beforehand: initdb would take 5 s of the first start, this takes 0.3 s. */
async function unpack(archive: string, into: string): Promise<void> {
  await new Bun.Archive(await Bun.file(archive).bytes()).extract(into);
}
