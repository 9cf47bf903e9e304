import { z } from "zod";
import type { RowCounts } from "../db/dump.ts";

/**
 * A dump is lines of JSON: which schema it is of; each row with its table; and at its end how many rows of each table it
 * has, by which one that was cut off is known.
 */

export const dumpHead = z.object({ carillon: z.string(), schema: z.number() });
export type DumpHead = z.output<typeof dumpHead>;

export const dumpEnd = z.object({ rows: z.record(z.string(), z.number()) });

/** The row is passed on as it is: read and written anew, its numbers could change. */
export const lineOfRow = (table: string, row: string) => `{"table":"${table}","row":${row}}\n`;

const rowPattern = /^\{"table":"([a-z_]+)","row":(\{.*\})\}$/;

/** Null for a line that is no row. */
export function rowOfLine(line: string): { table: string; row: string } | null {
  const [, table, row] = rowPattern.exec(line) ?? [];
  return table === undefined || row === undefined ? null : { table, row };
}

/** In words, without what there is none of. */
export function countsInWords(counts: RowCounts): string {
  const some = Object.entries(counts).filter(([, rows]) => rows > 0);
  return some.length === 0 ? "nothing" : some.map(([table, rows]) => `${rows} ${table}`).join(", ");
}
