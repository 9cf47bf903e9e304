/** docs/load-tests.md: a section for each scenario and what it ran on, each replaced by itself. */
import { own } from "../../k6/bounds.ts";
import { setupNames } from "../bench/world.ts";
import type { Result } from "./measure.ts";
import { rowsOf } from "./targets.ts";

const startMark = "<!-- results -->";
const endMark = "<!-- /results -->";
/** Before each section: by these two it is known again. */
const sectionMark = /^<!-- (\S+) on (\S+) -->$/m;
/** In this order. */
const names = Object.keys(own);
const stacks = Object.keys(setupNames);

/**
 * Puts the section of this run in the place of an earlier one of the same scenario and stack, or where it belongs.
 *
 * @param ground what the service ran on, and what ran beside it, for people
 * @throws Error where there is no such file, or it has no place for results
 */
export async function writeSection(
  path: string,
  result: Result,
  { stack, label, ground }: { stack: string; label: string; ground: string[] },
): Promise<void> {
  const file = Bun.file(path);
  const [before = "", rest = ""] = (await file.text()).split(startMark);
  const [written = "", after] = rest.split(endMark);
  if (after === undefined)
    throw new Error(`${path} has no line ${startMark} with a line ${endMark} after it`);
  const sections = sectionsOf(written);
  sections.set(`${result.scenario.name} on ${stack}`, sectionOf(result, label, ground));
  const sorted = [...sections].sort(([a], [b]) => placeOf(a) - placeOf(b));
  const text = sorted.map(([key, section]) => `<!-- ${key} -->\n${section}`).join("\n\n");
  await file.write(`${before}${startMark}\n\n${text}\n\n${endMark}${after}`);
}

function sectionsOf(text: string): Map<string, string> {
  const [, ...parts] = text.split(sectionMark);
  const sections = new Map<string, string>();
  for (let nth = 0; nth < parts.length; nth += 3) {
    sections.set(`${parts[nth]} on ${parts[nth + 1]}`, (parts[nth + 2] ?? "").trim());
  }
  return sections;
}

function placeOf(key: string): number {
  const [name = "", stack = ""] = key.split(" on ");
  return names.indexOf(name) * stacks.length + stacks.indexOf(stack);
}

function sectionOf(result: Result, label: string, ground: string[]): string {
  const { scenario, short, startedAt, seconds, traffic, figures } = result;
  const rows = rowsOf(result).map(({ measure, ...cells }) => [measure, ...Object.values(cells)]);
  const table = [["measure", "target", "critical", "own bound", "here", ""], Array(6).fill("---"), ...rows];
  return [
    `### ${scenario.name} on ${label}`,
    "",
    `${short ? "A short form of: " : ""}${scenario.users}. ${startedAt.toISOString().slice(0, 10)}, ${seconds.toFixed(0)} s, ` +
      `${traffic.requests.toLocaleString("en")} requests, ${traffic.ratePerSecond.toFixed(1)} a second.`,
    ...ground.map((line) => `${line}.`),
    "",
    ...table.map((cells) => `| ${cells.join(" | ")} |`),
    "",
    `Median ${traffic.p50Ms.toFixed(1)} ms, slowest ${traffic.maxMs.toFixed(0)} ms; most lag ${figures.lagMax} events; ` +
      `most memory ${(figures.memoryBytes / 2 ** 20).toFixed(0)} MB; the whole machine, load generator included, ` +
      `used ${(figures.machineCpuShare * 100).toFixed(0)} % of its cores.`,
    ...traffic.broken.map((broken) => `Does not hold: \`${broken}\`.`),
  ].join("\n");
}
