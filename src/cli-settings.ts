import type { Command } from "commander";
import { settings } from "./config.ts";
import type { Setting } from "./config-setting.ts";
import { StartError } from "./errors.ts";

const startMark = "<!-- settings -->";
const endMark = "<!-- /settings -->";

const all: Setting[] = Object.values<Setting>(settings);

export function addSettingsCommand(program: Command): void {
  program
    .command("settings")
    .description("Print every setting as a Markdown table.")
    .option("--write <file>", `Put the table between ${startMark} and ${endMark} of a file instead.`)
    .addHelpText("after", "\nExample:\n  carillon settings --write README.md")
    .action(async ({ write }: { write?: string }) => {
      if (write === undefined) console.log(settingsTable());
      else await writeTable(write);
    });
}

/** Two lines a setting, for a terminal. */
export function settingsHelp(): string {
  const width = Math.max(...all.map(({ name }) => name.length));
  return all
    .map((setting) => {
      const { name, unit, sentence } = setting;
      return `  ${name.padEnd(width)}  ${setting.default ?? "not set"} (${unit})\n  ${" ".repeat(width)}  ${sentence}`;
    })
    .join("\n");
}

/** For the README. */
export function settingsTable(): string {
  const rows = all.map((setting) => {
    const { name, unit, sentence } = setting;
    const fallback = setting.default === null ? "not set" : `\`${setting.default}\``;
    return `| \`${name}\` | ${fallback} | ${unit} | ${sentence} |`;
  });
  return ["| setting | default | unit | what it says |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

async function writeTable(path: string): Promise<void> {
  const file = Bun.file(path);
  if (!(await file.exists())) throw new StartError(`There is no file ${path}.`);
  const [before, rest] = splitOnce(await file.text(), startMark);
  const [, after] = splitOnce(rest ?? "", endMark);
  if (after === undefined) {
    throw new StartError(`${path} has no line ${startMark} with a line ${endMark} after it.`);
  }
  await Bun.write(file, `${before}${startMark}\n\n${settingsTable()}\n\n${endMark}${after}`);
}

function splitOnce(text: string, mark: string): [before: string, after?: string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + mark.length)];
}
