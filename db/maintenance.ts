import { sql } from "drizzle-orm";
import type { Drizzle } from "./statement.ts";

/** Tables whose rows come and go. Where no autovacuum runs, their dead rows would stay. */
const churned = ["due", "dead_letters", "idempotency_keys", "users"];

/** Frees dead rows for new ones, and refreshes the planner's statistics. */
export async function vacuum(db: Drizzle): Promise<void> {
  for (const table of churned) await db.execute(sql.raw(`vacuum (analyze) ${table}`));
  await db.execute(sql`analyze notifications, deliveries, attempts`);
}

/** Resolves if the database answers, and rejects if it does not. */
export async function ping(db: Drizzle): Promise<void> {
  await db.execute(sql`select 1`);
}
