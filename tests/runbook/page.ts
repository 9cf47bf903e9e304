/** docs/runbook.md as its readers use it: entries, and what stands in them. */
import { join } from "node:path";
import type { RunbookEntry } from "../../src/doctor-finding.ts";

export const page = await Bun.file(join(import.meta.dir, "../../docs/runbook.md")).text();

/** As a heading is linked to. */
export const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");

/** The text of each entry, by its anchor. */
export const entries = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((text): [string, string] => [anchorOf(text.split("\n", 1)[0] ?? ""), text]),
);

/** The blocks of an entry in a language. */
export const blocksOf = (entry: RunbookEntry, language: "sh" | "sql"): string[] =>
  [
    ...(entries.get(entry) ?? "").matchAll(new RegExp(`^ *\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\``, "gm")),
  ].map(([, text = ""]) => text);

/** Its last block: where there are several, the first ones only look. */
export function cureOf(entry: RunbookEntry, language: "sh" | "sql"): string {
  const cure = blocksOf(entry, language).at(-1);
  if (cure === undefined) throw new Error(`the entry ${entry} has no commands in ${language}`);
  return cure;
}

/** Runs the commands of a cure as they stand there. */
export async function runCureOf(entry: RunbookEntry, env: Record<string, string>): Promise<void> {
  const { PATH = "", HOME = "" } = process.env;
  const child = Bun.spawn(["sh", "-eu", "-c", cureOf(entry, "sh")], {
    env: { PATH, HOME, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [code, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  if (code !== 0) throw new Error(`the cure of ${entry} ended with ${code}\n${stdout}${stderr}`);
}
