import type { Command } from "commander";
import { writeBetween } from "./cli-table.ts";
import { settings } from "./config.ts";
import type { Setting } from "./config-setting.ts";

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
      else await writeBetween(write, { startMark, endMark, table: settingsTable() });
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
