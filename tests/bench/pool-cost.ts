/** What the pool of our own costs beside postgres.js's: the same statements, the same server, taking turns. */
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { newId } from "../../db/id.ts";
import { migrate } from "../../db/migrate.ts";
import { ensurePartitions } from "../../db/partitions.ts";
import { getNotification, insertNotifications } from "../../db/queries/notifications.ts";
import type { Drizzle } from "../../db/statement.ts";
import { openPostgresDatabase } from "../../src/adapters/database-postgres.ts";
import { valueTypes } from "../../src/adapters/postgres-types.ts";
import { postgresOptions, quiet } from "../adapters/postgres-options.ts";
import { testDatabase } from "../databases.ts";
import { bulkColumns } from "./columns.ts";

const readsInFlight = 64;
const rounds = 5;
const seconds = 1;
const batchRows = 500;
const max = 25;

const projectId = newId(Date.now());
const columns = () => bulkColumns(projectId, batchRows);

interface Rate {
  perSecond: number;
  /** Of this process, for one. */
  cpuMs: number;
}

function medianOf(rates: Rate[]): Rate {
  const of = (key: keyof Rate) =>
    rates.map((one) => one[key]).toSorted((x, y) => x - y)[Math.floor(rates.length / 2)] ?? 0;
  return { perSecond: of("perSecond"), cpuMs: of("cpuMs") };
}

/** Runs `one` again and again for a second, `inFlight` at a time. */
async function rate(inFlight: number, one: () => Promise<unknown>): Promise<Rate> {
  const endMs = performance.now() + seconds * 1000;
  const before = process.cpuUsage();
  const startedMs = performance.now();
  let count = 0;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (performance.now() < endMs) {
        await one();
        count += 1;
      }
    }),
  );
  const { user, system } = process.cpuUsage(before);
  return {
    perSecond: count / ((performance.now() - startedMs) / 1000),
    cpuMs: (user + system) / 1000 / count,
  };
}

await using own = await testDatabase();
const ours = await openPostgresDatabase(
  postgresOptions(own.url, { databasePoolMax: max, databasePoolMin: max, databaseConnectionUses: 1e9 }),
  quiet,
);
await migrate(ours.orm);
await ensurePartitions(ours.orm, Date.now());
const bareClient = postgres(own.url, { max, onnotice: () => {}, types: valueTypes as never });
const bare = drizzle({ client: bareClient }) as unknown as Drizzle;
Object.assign(
  bareClient.options.serializers,
  Object.fromEntries(Object.entries(valueTypes).map(([, t]) => [t.to, t.serialize])),
);
const stored = columns();
await insertNotifications(ours.orm, stored);
const read = (db: Drizzle) => () =>
  getNotification(db, { id: stored.ids[Math.floor(Math.random() * batchRows)] ?? "", projectId });
const insert = (db: Drizzle) => () => insertNotifications(db, columns());

for (const [name, inFlight, work] of [
  ["point reads, 64 at a time", readsInFlight, read],
  ["inserts of 500 rows, 2 at a time", 2, insert],
  ["one read at a time", 1, read],
] as const) {
  const runs: Record<"ours" | "bare", Rate[]> = { ours: [], bare: [] };
  for (let round = 0; round <= rounds; round += 1) {
    runs.bare.push(await rate(inFlight, work(bare)));
    runs.ours.push(await rate(inFlight, work(ours.orm)));
  }
  const [o, b] = [medianOf(runs.ours.slice(1)), medianOf(runs.bare.slice(1))]; // The first round warms up.
  console.log(
    `${name}: ours ${o.perSecond.toFixed(0)}/s with ${o.cpuMs.toFixed(4)} ms of CPU each, ` +
      `postgres.js ${b.perSecond.toFixed(0)}/s with ${b.cpuMs.toFixed(4)} ms; ratio ${(o.perSecond / b.perSecond).toFixed(3)}`,
  );
}
await bareClient.end();
await ours.close();
