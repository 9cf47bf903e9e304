import { sql } from "drizzle-orm";
import { applyOutside, commandsOf, isOutside } from "./migration-outside.ts";
import initial from "./migrations/0001_initial.sql" with { type: "text" };
import metadata from "./migrations/0002_metadata.sql" with { type: "text" };
import dueOrder from "./migrations/0003_due_order.sql" with { type: "text" };
import trace from "./migrations/0004_trace.sql" with { type: "text" };
import periods from "./migrations/0005_periods.sql" with { type: "text" };
import { isStandalone } from "./server.ts";
import { type Drizzle, rowsOf } from "./statement.ts";

interface Migration {
  version: number;
  text: string;
}

/** In order; one that has run anywhere is never changed. Imported as text, so that the binary carries them. */
const migrations: Migration[] = [
  { version: 1, text: initial },
  { version: 2, text: metadata },
  { version: 3, text: dueOrder },
  { version: 4, text: trace },
  { version: 5, text: periods },
];

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
  // By a scan, not by to_regclass: that asks the connection's own cache of names, which knows nothing yet of what
  // another process committed while this one waited for the lock.
  const [known] = rowsOf<{ exists: boolean }>(
    await db.execute(sql`
      select exists (
        select from pg_class where relname = 'schema_migrations' and pg_table_is_visible(oid)
      ) as "exists"`),
  );
  if (!known?.exists) return 0;
  const [newest] = rowsOf<{ version: number }>(
    await db.execute(sql`select coalesce(max(version), 0)::int as version from schema_migrations`),
  );
  return newest?.version ?? 0;
}

/**
 * Brings the database to the newest version, and gives the versions that were applied. Each migration runs in
 * a transaction of its own, but for those that say they run outside of one. One process at a time: the rest
 * wait on an advisory lock.
 */
export async function migrate(db: Drizzle): Promise<number[]> {
  const before = await schemaVersion(db);
  if (before > newestVersion) throw new NewerSchemaError(before);
  const missing = migrations.filter(({ version }) => version > before);
  const applied: number[] = [];
  if (missing.length === 0) return applied;
  const alone = await isStandalone(db);
  for (const migration of missing) {
    if (await apply(db, migration, alone)) applied.push(migration.version);
  }
  return applied;
}

async function apply(db: Drizzle, { version, text }: Migration, alone: boolean): Promise<boolean> {
  if (isOutside(text) && alone) {
    // Nobody else is there to be locked out, and the one connection is needed for the commands.
    await applyOutside(db, text);
    await db.execute(sql`insert into schema_migrations (version) values (${version})`);
    return true;
  }
  return locked(db, async (tx) => {
    if ((await schemaVersion(tx)) >= version) return false;
    if (isOutside(text)) await applyOutside(db, text);
    else {
      await tx.execute(
        sql`create table if not exists schema_migrations (version int primary key, applied_at timestamptz not null default now())`,
      );
      for (const command of commandsOf(text)) await tx.execute(sql.raw(command));
    }
    await tx.execute(sql`insert into schema_migrations (version) values (${version})`);
    return true;
  });
}

const lockRetryMs = 100;

/**
 * Holds the lock until `work` is committed. Who waits asks again and again, since one that waited within a
 * statement would keep a snapshot open, for whose end an index that is built concurrently waits.
 */
async function locked<T>(db: Drizzle, work: (tx: Drizzle) => Promise<T>): Promise<T> {
  for (;;) {
    const done = await db.transaction(async (tx) => {
      const [lock] = rowsOf<{ held: boolean }>(
        await tx.execute(sql`select pg_try_advisory_xact_lock(hashtext('carillon.migrate')) as held`),
      );
      return lock?.held ? { result: await work(tx) } : null;
    });
    if (done !== null) return done.result;
    await Bun.sleep(lockRetryMs);
  }
}
