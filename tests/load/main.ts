/**
 * `bun run load <scenario>`: the scenarios of k6/ on a service that it starts, their result beside the targets. It ends with 1
 * where a target or a bound of ours does not hold, or the load could not be made, and with 2 on wrong usage.
 */
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { machine, openServers } from "../bench/servers.ts";
import { openWorld, type Setup, setupNames } from "../bench/world.ts";
import { writeSection } from "./document.ts";
import { measure, type Result, type Scenario } from "./measure.ts";
import { reportOf } from "./report.ts";
import { scenarios } from "./scenarios.ts";
import { startUnderLoad } from "./service.ts";
import { isHeld, rowsOf } from "./targets.ts";

type StackName = keyof typeof setupNames;
const stackNames = Object.keys(setupNames) as StackName[];

interface Given {
  short: boolean;
  stack: StackName;
  set: Record<string, string>;
  out: string;
  write?: string;
}

const exitCodes = { held: 0, missed: 1, usage: 2 };

const command = new Command("load")
  .description("Puts a service that it starts under load, and prints what came of it beside the targets.")
  .argument(
    "<scenario>",
    `${scenarios.map(({ name }) => name).join(", ")}, or all of them by: all`,
    scenarioOf,
  )
  .option("--short", "a few seconds of the same shape, to see that all still holds", false)
  .option("--stack <name>", `what it runs on: ${stackNames.join(", ")}`, stackOf, "embedded")
  .option("--set <name=value>", "a setting of the service; may be repeated", settingOf, {})
  .option("--out <folder>", "where the reports go, one page for each scenario", "dist/load")
  .option(
    "--write <file>",
    "also replace the section of each scenario in docs/load-tests.md, or a file like it",
  )
  .addHelpText(
    "after",
    ["", "Scenarios:", ...scenarios.map(({ name, users }) => `  ${name.padEnd(10)} ${users}`)].join("\n"),
  )
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? exitCodes.held : exitCodes.usage));

function scenarioOf(name: string): readonly Scenario[] {
  const found = name === "all" ? scenarios : scenarios.filter((one) => one.name === name);
  if (found.length > 0) return found;
  throw new InvalidArgumentError(`It is none of ${[...scenarios.map((one) => one.name), "all"].join(", ")}.`);
}

function stackOf(name: string): StackName {
  const found = stackNames.find((one) => one === name);
  if (found) return found;
  throw new InvalidArgumentError(`It is none of ${stackNames.join(", ")}.`);
}

function settingOf(text: string, earlier: Record<string, string>): Record<string, string> {
  const [name = "", ...value] = text.split("=");
  if (name === "" || value.length === 0) throw new InvalidArgumentError("It is not NAME=value.");
  return { ...earlier, [name]: value.join("=") };
}

command.action(async (chosen: readonly Scenario[], given: Given) => {
  let held = true;
  for (const scenario of chosen) {
    const { result, ground } = await run(scenario, given);
    await show(result, ground, given);
    held &&= isHeld(result);
  }
  process.exit(held ? exitCodes.held : exitCodes.missed);
});

async function run(
  scenario: Scenario,
  { short, stack, set }: Given,
): Promise<{ result: Result; ground: string[] }> {
  const servers = stack === "embedded" ? null : await openServers();
  const ground = (await machine(servers ?? undefined)).split("\n");
  await using world = servers && (await openWorld(servers));
  const settings = world?.settingsOf(stack as Setup) ?? {};
  await using underLoad = await startUnderLoad({ ...settings, ...set });
  return { result: await measure(scenario, { ...underLoad, short }), ground };
}

async function show(result: Result, ground: string[], { stack, out, write }: Given): Promise<void> {
  const { scenario, short, traffic, figures } = result;
  const label = setupNames[stack];
  const report = join(out, `${scenario.name}-${stack}.html`);
  await Bun.write(report, reportOf(result, [`On ${label}.`, ...ground]));
  if (write !== undefined) await writeSection(write, result, { stack, label, ground });

  console.log(`\n${scenario.name} (${short ? "short form of " : ""}${scenario.users}) on ${label}`);
  console.table(Object.fromEntries(rowsOf(result).map(({ measure, ...cells }) => [measure, cells])));
  for (const broken of traffic.broken) console.log(`does not hold: ${broken}`);
  if (figures.unanswered > 0) console.log(`/metrics gave no answer in time ${figures.unanswered} times`);
  console.log(`over time: ${report}`);
}

try {
  await command.parseAsync();
} catch (error) {
  console.error((error as Error).message);
  process.exit(exitCodes.missed);
}
