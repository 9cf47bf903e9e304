/** The plans that statements settle on while a day is young: they are kept when it is full. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { sql } from "drizzle-orm";
import { explainQuery } from "../../db/explain.ts";
import { newId } from "../../db/id.ts";
import { migrate } from "../../db/migrate.ts";
import { ensurePartitions } from "../../db/partitions.ts";
import "../../db/queries/deliveries.ts";
import { openPostgresDatabase } from "../../src/adapters/database-postgres.ts";
import { postgresOptions, quiet } from "../adapters/postgres-options.ts";
import { testDatabase } from "../databases.ts";

setDefaultTimeout(60_000);

const nowMs = Date.parse("2026-03-02T10:00:00Z");
const rows = 12_000;

test("the plan that insertPlans settles on in a young day compares no row of a batch with every other", async () => {
  await using own = await testDatabase();
  const db = await openPostgresDatabase(postgresOptions(own.url), quiet);
  try {
    await migrate(db.orm);
    await ensurePartitions(db.orm, nowMs);
    await db.orm.execute(sql`
      insert into notifications (id, project_id, user_id, priority, status, title, body)
      select (lpad(to_hex(${nowMs}::bigint + nth), 12, '0') || '70008000000000000000')::uuid,
        ${newId(nowMs)}::uuid, 'ana', 'normal', 'pending', 'Shipped', 'It is on its way.'
      from generate_series(1, ${rows}::int) as nth`);
    const plan = (await explainQuery(db.orm, "insertPlans")).join("\n");
    expect(plan).toContain("Update on notifications_20260302");
    expect(plan).not.toContain("Join Filter");
  } finally {
    await db.close();
  }
});
