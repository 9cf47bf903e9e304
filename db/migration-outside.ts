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

const run = (db: Drizzle, command: string) => db.execute(sql.raw(unbounded + command));

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
