import { sql } from "drizzle-orm";
import initial from "./migrations/0001_initial.sql" with { type: "text" };
import { type Drizzle, rowsOf } from "./statement.ts";

/** In order; one that has run anywhere is never changed. Imported as text, so that the binary carries them. */
const migrations: { version: number; text: string }[] = [{ version: 1, text: initial }];

export const newestVersion = Math.max(...migrations.map(({ version }) => version));

/** The data was written by a newer Carillon: running on it could lose what this one does not know. */
export class NewerSchemaError extends Error {
  constructor(readonly found: number) {
    super(`the database is at migration ${found}, this Carillon knows only up to ${newestVersion}`);
    this.name = "NewerSchemaError";
  }
}

/** The version the database is at; 0 where nothing was migrated yet. */
export async function schemaVersion(db: Drizzle): Promise<number> {
  const [known] = rowsOf<{ exists: boolean }>(
    await db.execute(sql`select to_regclass('schema_migrations') is not null as "exists"`),
  );
  if (!known?.exists) return 0;
  const [newest] = rowsOf<{ version: number }>(
    await db.execute(sql`select coalesce(max(version), 0)::int as version from schema_migrations`),
  );
  return newest?.version ?? 0;
}

/**
 * Brings the database to the newest version, each migration in a transaction of its own, and gives the
 * versions that were applied. One process at a time: the rest wait on an advisory lock.
 */
export async function migrate(db: Drizzle): Promise<number[]> {
  const before = await schemaVersion(db);
  if (before > newestVersion) throw new NewerSchemaError(before);
  const applied: number[] = [];
  for (const { version, text } of migrations) {
    if (version <= before) continue;
    const ran = await db.transaction(async (tx) => {
      await tx.execute(sql`select pg_advisory_xact_lock(hashtext('carillon.migrate'))`);
      if ((await schemaVersion(tx)) >= version) return false;
      await tx.execute(
        sql`create table if not exists schema_migrations (version int primary key, applied_at timestamptz not null default now())`,
      );
      for (const command of commandsOf(text)) await tx.execute(sql.raw(command));
      await tx.execute(sql`insert into schema_migrations (version) values (${version})`);
      return true;
    });
    if (ran) applied.push(version);
  }
  return applied;
}

/** A migration's single commands: both drivers take one a call. Migrations hold no semicolon inside of one. */
function commandsOf(text: string): string[] {
  return text
    .replaceAll(/^\s*--.*$/gm, "")
    .split(";")
    .map((command) => command.trim())
    .filter((command) => command !== "");
}
