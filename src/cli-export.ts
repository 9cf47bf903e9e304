import type { Command } from "commander";
import { dumpRows, type RowCounts } from "../db/dump.ts";
import { newestVersion } from "../db/migrate.ts";
import packageJson from "../package.json" with { type: "json" };
import { withDataAsItIs } from "./cli-data.ts";
import { countsInWords, type DumpHead, lineOfRow } from "./cli-dump.ts";
import { loadConfig } from "./config.ts";

const afterHelp = `
Stop the service first: what is sent after the export would be sent again from its copy.
It holds messages, addresses and the hashes of keys: keep it where the data folder could be.

Examples:
  carillon export > carillon.ndjson
  carillon export | DATABASE_URL=postgres://carillon@db.example.com/carillon carillon import`;

export function addExportCommand(program: Command): void {
  program
    .command("export")
    .description("Write all data, of DATABASE_URL or DATA_DIR, to stdout as lines of JSON.")
    .addHelpText("after", afterHelp)
    .action(exportAll);
}

async function exportAll(): Promise<void> {
  const out = Bun.stdout.writer();
  const counts: RowCounts = {};
  await withDataAsItIs(loadConfig(process.env), async ({ db }) => {
    const head: DumpHead = { carillon: packageJson.version, schema: newestVersion };
    out.write(`${JSON.stringify(head)}\n`);
    await dumpRows(db.orm, async (table, rows) => {
      counts[table] = (counts[table] ?? 0) + rows.length;
      out.write(rows.map((row) => lineOfRow(table, row)).join(""));
      await out.flush(); // Who reads more slowly holds this up, so that memory stays that of a batch.
    });
  });
  out.write(`${JSON.stringify({ rows: counts })}\n`);
  await out.end();
  console.error(`Exported ${countsInWords(counts)}.`);
}
