import { sql } from "drizzle-orm";
import { type Drizzle, rowsOf, unbounded } from "./statement.ts";

/**
 * Migrations that run outside of a transaction, so that writes go on while an index is built. Cut off half
 * way, such a one is begun anew at the next start: each of its commands must bear to run twice.
 */

const outsideMark = /^-- outside of a transaction$/m;
/** What follows it runs once for each partition that has no index below that one yet. */
const eachPartition = /^-- for each partition of (\w+) without (\w+)$/m;

export const isOutside = (text: string): boolean => outsideMark.test(text);

/** A migration's single commands: both drivers take one a call. Migrations hold no semicolon inside of one. */
export function commandsOf(text: string): string[] {
  return text
    .replaceAll(/^\s*--.*$/gm, "")
    .split(";")
    .map((command) => command.trim())
    .filter((command) => command !== "");
}

export async function applyOutside(db: Drizzle, text: string): Promise<void> {
  const [once = "", table, index, perPartition = ""] = text.split(eachPartition);
  for (const command of commandsOf(once)) await run(db, command);
  if (table === undefined || index === undefined) return;
  for (const partition of await partitionsWithout(db, table, index)) {
    for (const command of commandsOf(perPartition)) {
      await run(db, command.replaceAll("{partition}", partition));
    }
  }
}

/** What is built concurrently locks nobody out, and takes its time. */
async function run(db: Drizzle, command: string): Promise<void> {
  const [, index] = /^create index if not exists (\w+)/.exec(command) ?? [];
  // Even to find that there is nothing to do, the command would lock the table.
  if (index !== undefined && (await exists(db, index))) return;
  if (/\bconcurrently\b/.test(command)) await db.execute(sql.raw(unbounded + command));
  else await briefly(db, command);
}

async function exists(db: Drizzle, name: string): Promise<boolean> {
  const [row] = rowsOf<{ exists: boolean }>(
    await db.execute(sql`select to_regclass(${name}) is not null as "exists"`),
  );
  return row?.exists === true;
}

const lockTriesMax = 120;
/** While a command waits for its lock, everyone who writes waits behind it; then it stands back for as long. */
const lockWaitMs = 500;
const lockNotAvailable = "55P03";

/** Locks the table for a moment. A transaction that has written to it may be in the way: it is not waited for. */
async function briefly(db: Drizzle, command: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await db.transaction(async (tx) => {
        await tx.execute(sql.raw(`set local lock_timeout = ${lockWaitMs}`));
        await tx.execute(sql.raw(command));
      });
      return;
    } catch (error) {
      const state = ((error as Error).cause as { code?: string } | undefined)?.code;
      if (state !== lockNotAvailable || tries === lockTriesMax) throw error;
      await Bun.sleep(lockWaitMs);
    }
  }
}

/** A partition that is made meanwhile gets its index from its parent. */
async function partitionsWithout(db: Drizzle, table: string, index: string): Promise<string[]> {
  const rows = rowsOf<{ name: string }>(
    await db.execute(sql`
      select c.relname as name
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = to_regclass(${table}) and not exists (
        select from pg_index x join pg_inherits xi on xi.inhrelid = x.indexrelid
        where x.indrelid = c.oid and xi.inhparent = to_regclass(${index})
      )
      order by c.relname`),
  );
  return rows.map(({ name }) => name);
}
