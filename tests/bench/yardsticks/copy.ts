/**
 * The yardstick for bulk: COPY into the very same table, with its indexes and partitions, and nothing else. The rows stand
 * ready as COPY's text before the clock starts.
 */
import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { newId } from "../../../db/id.ts";
import { migrate } from "../../../db/migrate.ts";
import { ensurePartitions } from "../../../db/partitions.ts";
import { text, title, userOf } from "../bodies.ts";

export interface CopyOptions {
  databaseUrl: string;
  rows: number;
  /** Connections that copy at the same time. */
  streams: number;
}

export interface CopyResult {
  rowsPerSecond: number;
}

const { databaseUrl, rows, streams }: CopyOptions = JSON.parse(process.argv[2] ?? "{}");
const chunkRows = 1000;

/** Migrating takes connections beside that of its transaction. */
const migratingConnections = 3;
const sql = postgres(databaseUrl, { max: streams + migratingConnections, onnotice: () => {} });
const orm = drizzle(sql);
await migrate(orm);
await ensurePartitions(orm, Date.now());
const projectId = newId(Date.now());

const chunkOf = (from: number) =>
  Buffer.from(
    Array.from({ length: chunkRows }, (_, index) => {
      const id = newId(Date.now());
      return `${id}\t${projectId}\t${userOf(from + index)}\tnormal\tpending\tinbox\t${title}\t${text}\t\\N\t{"order":42}\t\\N\t\\N\n`;
    }).join(""),
  );

async function copy(chunks: Buffer[]): Promise<void> {
  const writable = await sql`
    copy notifications
      (id, project_id, user_id, priority, status, channels, title, body, data, metadata, send_at, expires_at)
    from stdin`.writable();
  await pipeline(Readable.from(chunks), writable);
  if (!writable.closed) await once(writable, "close");
}

const chunks = Array.from({ length: Math.ceil(rows / chunkRows) }, (_, index) => chunkOf(index * chunkRows));
await copy(chunks.splice(0, 5));
const shares = Array.from({ length: streams }, (_, stream) =>
  chunks.filter((_, index) => index % streams === stream),
);
const startedMs = performance.now();
await Promise.all(shares.map(copy));
const seconds = (performance.now() - startedMs) / 1000;
const [found] = await sql<{ count: number }[]>`select count(*)::int as count from notifications`;
if (found?.count !== Math.ceil(rows / chunkRows) * chunkRows)
  throw new Error(`${found?.count} rows were copied`);
await sql.end();
console.log(JSON.stringify({ rowsPerSecond: (chunks.length * chunkRows) / seconds } satisfies CopyResult));
