import { sql } from "drizzle-orm";
import { type Drizzle, rowsOf } from "./statement.ts";

/** What a start has to know of a server. */
export interface ServerFacts {
  /** As 15 in 15.18. */
  major: number;
  /** As the server says it. */
  version: string;
  /** Whether the migrations may make their tables, or have made them. */
  mayCreate: boolean;
}

export async function serverFacts(db: Drizzle): Promise<ServerFacts> {
  const [row] = rowsOf<{ number: number; version: string; may_create: boolean }>(
    await db.execute(sql`
      select current_setting('server_version_num')::int as number, current_setting('server_version') as version,
        has_schema_privilege(current_user, current_schema(), 'create') as may_create`),
  );
  if (row === undefined) throw new Error("the server said nothing about itself");
  return { major: Math.floor(row.number / 10_000), version: row.version, mayCreate: row.may_create === true };
}

/** Whether the database runs within this process, so that nobody else is connected to it. */
export async function isStandalone(db: Drizzle): Promise<boolean> {
  const [row] = rowsOf<{ type: string | null }>(
    await db.execute(sql`select backend_type as type from pg_stat_activity where pid = pg_backend_pid()`),
  );
  return row?.type !== "client backend";
}
