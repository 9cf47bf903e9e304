import { newId } from "../../../db/id.ts";
import { migrate } from "../../../db/migrate.ts";
import { ensurePartitions } from "../../../db/partitions.ts";
import { insertNotifications } from "../../../db/queries/notifications.ts";
import { openDataFolder } from "../../../src/adapters/data-folder.ts";
import { openPgliteDatabase } from "../../../src/adapters/database-pglite.ts";
import { bulkColumns } from "../columns.ts";

/** The yardstick for bulk: what PGlite inserts into the very same table, 1,000 rows a statement, and nothing else. */
const { folder, rows }: { folder: string; rows: number } = JSON.parse(process.argv[2] ?? "{}");
const batchRows = 1000;
const batches = Math.ceil(rows / batchRows);
const db = await openPgliteDatabase(openDataFolder(folder));
await migrate(db.orm);
await ensurePartitions(db.orm, Date.now());
const projectId = newId(Date.now());
const columns = () => bulkColumns(projectId, batchRows);

for (let warm = 0; warm < 5; warm += 1) await insertNotifications(db.orm, columns());
const startedMs = performance.now();
for (let batch = 0; batch < batches; batch += 1) await insertNotifications(db.orm, columns());
const seconds = (performance.now() - startedMs) / 1000;
await db.close();
console.log(JSON.stringify({ rowsPerSecond: (batches * batchRows) / seconds }));
