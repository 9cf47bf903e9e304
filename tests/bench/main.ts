/**
 * `bun run bench`: what the service reaches beside what the same machine reaches without it, in one run, so
 * that the ratios hold on another machine. Everything runs on the same cores: service, servers, load and sink.
 */
import { Command, InvalidArgumentError } from "commander";
import { logLevel } from "./carillon.ts";
import { type Sample, table } from "./figure.ts";
import type { Bench } from "./part.ts";
import { parts } from "./parts.ts";
import { profile } from "./profile.ts";
import { machine, openServers, type Servers } from "./servers.ts";

const partNames = Object.keys(parts);
const roundsMax = 20;

const command = new Command("bench")
  .description("Measures Carillon beside its yardsticks, and prints one table: medians, ratios, aims.")
  .argument("[part...]", "what to measure; all of it by default", partOf)
  .option("--rounds <count>", "rounds, of which the median is shown", roundsOf, 3)
  .option("--quick", "one round with a tenth of the work, to see that it runs")
  .option("--profile", "instead of measuring, show where the service's CPU time goes")
  .addHelpText(
    "after",
    ["", "Parts:", ...partNames.map((name) => `  ${name.padEnd(12)} ${parts[name]?.measures}`)].join("\n"),
  );

function partOf(name: string, earlier: string[] = []): string[] {
  if (!parts[name]) throw new InvalidArgumentError(`It is none of ${partNames.join(", ")}.`);
  return [...earlier, name];
}

function roundsOf(text: string): number {
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds >= 1 && rounds <= roundsMax) return rounds;
  throw new InvalidArgumentError(`It is no number from 1 to ${roundsMax}.`);
}

async function measure(chosen: string[], rounds: number, bench: Bench): Promise<void> {
  const samples: Sample[][] = [];
  for (let round = 1; round <= rounds; round += 1) {
    for (const name of chosen) {
      const startedMs = performance.now();
      samples.push((await parts[name]?.run(bench)) ?? []);
      const seconds = Math.round((performance.now() - startedMs) / 1000);
      console.error(`round ${round} of ${rounds}: ${name} took ${seconds} s`);
    }
  }
  console.log(rounds === 1 ? "one round" : `median of ${rounds}; each ratio is that of its own round`);
  console.log(`${await machine(await bench.opened())}; the service logs from the level ${logLevel} up`);
  console.table(table(samples));
}

command.action(async (given: string[], options: { rounds: number; quick?: true; profile?: true }) => {
  let opened: Promise<Servers> | undefined;
  const quick = options.quick === true;
  const bench: Bench = {
    servers() {
      opened ??= openServers();
      return opened;
    },
    opened: () => opened,
    quick,
    // A thousand at least: a bulk request is not split.
    scaled: (count) => (quick ? Math.ceil(count / 10_000) * 1000 : count),
  };
  const chosen = given.length > 0 ? given : partNames;
  await (options.profile ? profile(bench) : measure(chosen, quick ? 1 : options.rounds, bench));
  process.exit(0);
});

await command.parseAsync();
