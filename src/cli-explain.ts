import type { Command } from "commander";
import { explainQuery, UnknownQueryError, WritingQueryError } from "../db/explain.ts";
import { statementNames } from "../db/statement.ts";
import { withDataAsItIs } from "./cli-data.ts";
import { loadConfig } from "./config.ts";
import { StartError } from "./errors.ts";
import { nearestName } from "./spelling.ts";

const afterHelp = `
Without a name it lists them; metrics and the log of slow queries carry the same names.
The plan is the one that any parameters get. Nothing is changed.

Examples:
  carillon explain
  carillon explain countInbox
  carillon explain countInbox --analyze`;

export function addExplainCommand(program: Command): void {
  program
    .command("explain")
    .description("Show by which plan the database answers a query of Carillon.")
    .argument("[query]", "Its name.")
    .option("--analyze", "Run it, on the newest notification's user, and show what it took. Only for reads.")
    .addHelpText("after", afterHelp)
    .action(explain);
}

async function explain(query: string | undefined, { analyze = false }: { analyze?: boolean }): Promise<void> {
  if (query === undefined) {
    for (const name of statementNames()) console.log(name);
    return;
  }
  requireKnown(query);
  try {
    const lines = await withDataAsItIs(loadConfig(process.env), ({ db }) =>
      explainQuery(db.orm, query, { analyze }),
    );
    for (const line of lines) console.log(line);
  } catch (error) {
    if (error instanceof WritingQueryError) {
      throw new StartError(`${query} writes: it is explained without --analyze only.`);
    }
    if (error instanceof UnknownQueryError) throw new StartError(`There is no query called ${query}.`);
    throw error;
  }
}

function requireKnown(query: string): void {
  const known = new Map(statementNames().map((name) => [name.toUpperCase(), name]));
  if (statementNames().includes(query)) return;
  const near = known.get(nearestName(query, [...known.keys()]) ?? "");
  const meant = near === undefined ? "" : ` Did you mean ${near}?`;
  throw new StartError(`There is no query called ${query}.${meant} carillon explain lists them all.`);
}
