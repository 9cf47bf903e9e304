import { createInterface } from "node:readline";
import type { Command } from "commander";
import { BadRowsError, type Loading, loadDump, NotEmptyError, type RowCounts } from "../db/dump.ts";
import { newestVersion } from "../db/migrate.ts";
import { periodDaysFor } from "../db/periods.ts";
import { countsInWords, dumpEnd, dumpHead, rowOfLine } from "./cli-dump.ts";
import { loadConfig } from "./config.ts";
import { StartError } from "./errors.ts";
import { withDatabase } from "./parts.ts";

/** How many rows are stored by a statement. */
const batchRows = 500;

const afterHelp = `
The database must be empty: no service has been started on it yet. All is stored, or nothing where
the export is cut off or wrong. It is to be of the same schema, so by the same version of Carillon.

Examples:
  DATABASE_URL=postgres://carillon@db.example.com/carillon carillon import < carillon.ndjson
  DATA_DIR=/srv/carillon carillon import < carillon.ndjson`;

export function addImportCommand(program: Command): void {
  program
    .command("import")
    .description("Read what carillon export wrote from stdin into an empty DATABASE_URL or DATA_DIR.")
    .addHelpText("after", afterHelp)
    .action(async (_, command: Command) => {
      if (process.stdin.isTTY) command.error("error: nothing was given: carillon import < carillon.ndjson");
      await importAll();
    });
}

async function importAll(): Promise<void> {
  let counts: RowCounts = {};
  const config = loadConfig(process.env);
  await withDatabase(config, ({ db }) =>
    loadDump(db.orm, periodDaysFor(config.retentionDays), async (loading) => {
      counts = await load(loading, createInterface({ input: process.stdin }));
    }),
  ).catch((error: unknown) => {
    if (error instanceof BadRowsError) throw refused(error.message);
    if (!(error instanceof NotEmptyError)) throw error;
    throw new StartError(
      `The database is not empty: ${error.message}. An export is imported before the first start on it; name another one.`,
    );
  });
  console.log(`Imported ${countsInWords(counts)}.`);
}

/** Gives what was stored, which is what the dump says of itself. Throws a StartError. */
async function load(loading: Loading, lines: AsyncIterable<string>): Promise<RowCounts> {
  let nth = 0;
  let end: RowCounts | null = null;
  let batch: { table: string; rows: string[] } = { table: "", rows: [] };
  const store = async () => {
    const { table, rows } = batch;
    batch = { table: "", rows: [] };
    if (rows.length > 0) await loading.load(table, rows);
  };
  for await (const line of lines) {
    nth += 1;
    if (nth === 1) requireHead(line);
    else if (end !== null) throw refused(`line ${nth} comes after its end`);
    else {
      const given = rowOfLine(line);
      if (given === null) end = endOf(line, nth);
      else {
        if (given.table !== batch.table || batch.rows.length === batchRows) await store();
        batch.table = given.table;
        batch.rows.push(given.row);
      }
    }
  }
  if (end === null) throw refused("it has no end: it was cut off");
  await store();
  const stored = await loading.counts();
  const wrong = Object.keys(stored).filter((table) => stored[table] !== (end[table] ?? 0));
  if (wrong.length > 0) throw refused(`it says that it has other rows of ${wrong.join(", ")} than it has`);
  return stored;
}

function requireHead(line: string): void {
  const { success, data: head } = dumpHead.safeParse(parsed(line));
  if (!success) throw refused("its first line is not that of carillon export");
  if (head.schema === newestVersion) return;
  throw refused(
    `it is of schema ${head.schema}, by Carillon ${head.carillon}, and this one has ${newestVersion}: export it by this version`,
  );
}

function endOf(line: string, nth: number): RowCounts {
  const { success, data: end } = dumpEnd.safeParse(parsed(line));
  if (!success) throw refused(`line ${nth} is neither a row nor its end`);
  return end.rows;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

const refused = (why: string) => new StartError(`The export cannot be imported: ${why}. Nothing was stored.`);
