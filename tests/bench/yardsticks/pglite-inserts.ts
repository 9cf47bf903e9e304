import { newId } from "../../../db/id.ts";
import { migrate } from "../../../db/migrate.ts";
import { ensurePartitions } from "../../../db/partitions.ts";
import { insertNotifications } from "../../../db/queries/notifications.ts";
import { openDataFolder } from "../../../src/adapters/data-folder.ts";
import { openPgliteDatabase } from "../../../src/adapters/database-pglite.ts";

/** The yardstick for bulk: what PGlite inserts into the very same table, 1,000 rows a statement, and nothing else. */
const { folder, rows }: { folder: string; rows: number } = JSON.parse(process.argv[2] ?? "{}");
const batchRows = 1000;
const batches = Math.ceil(rows / batchRows);
const db = await openPgliteDatabase(openDataFolder(folder));
await migrate(db.orm);
await ensurePartitions(db.orm, Date.now());
const projectId = newId(Date.now());

function columns() {
  const indexes = Array.from({ length: batchRows }, (_, index) => index);
  const all = <T>(value: T) => indexes.map(() => value);
  return {
    ids: indexes.map(() => newId(Date.now())),
    projectIds: all(projectId),
    userIds: indexes.map((index) => `user_${index}`),
    priorities: all("normal"),
    statuses: all("pending"),
    channels: all("inbox"),
    titles: all("Your order has shipped"),
    bodies: all("Order 42 is on its way and should be with you by Friday."),
    data: all(null),
    metadata: all('{"order":42}'),
    sendAt: all(null),
    expiresAt: all(null),
  };
}

for (let warm = 0; warm < 5; warm += 1) await insertNotifications(db.orm, columns());
const startedMs = performance.now();
for (let batch = 0; batch < batches; batch += 1) await insertNotifications(db.orm, columns());
const seconds = (performance.now() - startedMs) / 1000;
await db.close();
console.log(JSON.stringify({ rowsPerSecond: (batches * batchRows) / seconds }));
