/**
 * The long fault runs: `bun run faults`. It prints a line of counts after each, a table at the end, and exits with 1
 * where a promise was broken.
 */
import { parseArgs } from "node:util";
import { lineOf, type Outcome, tableOf } from "./counts.ts";
import { type Form, longForm } from "./fault.ts";
import { faultsOn, processesOn } from "./faults.ts";
import { type StackName, stackNames } from "./stack.ts";
import { openStage } from "./stage.ts";

const usage = `bun run faults [options]

  --stack NAME            ${stackNames.join(", ")}; all of them unless given; may be repeated
  --only TEXT             faults whose name holds this
  --seed NUMBER           when processes are killed (by default another one each time)
  --seeds NUMBER          how often a process is killed (${longForm.seeds})
  --pause SECONDS         how long PostgreSQL and Redis are stopped (${longForm.pauseMs / 1000})
  --kafka-down SECONDS    how long Kafka is gone (${longForm.kafkaDownMs / 1000})
  --worker-ends NUMBER    how often a worker is (${longForm.workerEnds})
  --rounds NUMBER         how often connections are cut and the cache is flushed (${longForm.rounds})
  --rebalances NUMBER     how often a second process comes and goes (${longForm.rebalances})
  --rebalance SECONDS     how long it stays each time (${longForm.rebalanceMs / 1000})`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      help: { type: "boolean", default: false },
      stack: { type: "string", multiple: true },
      only: { type: "string", default: "" },
      seed: { type: "string" },
      seeds: { type: "string" },
      pause: { type: "string" },
      "kafka-down": { type: "string" },
      "worker-ends": { type: "string" },
      rounds: { type: "string" },
      rebalances: { type: "string" },
      rebalance: { type: "string" },
    },
  });
  if (values.help) return console.log(usage);
  const number = (text: string | undefined, otherwise: number) =>
    text === undefined ? otherwise : Number(text);
  const ms = (text: string | undefined, otherwiseMs: number) => number(text, otherwiseMs / 1000) * 1000;
  const form: Form = {
    seeds: number(values.seeds, longForm.seeds),
    workerEnds: number(values["worker-ends"], longForm.workerEnds),
    pauseMs: ms(values.pause, longForm.pauseMs),
    kafkaDownMs: ms(values["kafka-down"], longForm.kafkaDownMs),
    rounds: number(values.rounds, longForm.rounds),
    rebalances: number(values.rebalances, longForm.rebalances),
    rebalanceMs: ms(values.rebalance, longForm.rebalanceMs),
  };
  const seed = number(values.seed, Date.now() % 1_000_000);
  const stacks = stackNames.filter((name) => values.stack?.includes(name) ?? true);
  console.log(`seed ${seed}`);

  const outcomes: Outcome[] = [];
  for (const stack of stacks) outcomes.push(...(await runStack(stack, { form, seed, only: values.only })));
  console.log(`\n${tableOf(outcomes)}`);
  const broken = outcomes.filter(({ violations }) => violations.length > 0);
  console.log(`\n${outcomes.length - broken.length} of ${outcomes.length} faults left every promise kept`);
  process.exitCode = broken.length === 0 && outcomes.length > 0 ? 0 : 1;
}

async function runStack(
  stack: StackName,
  { form, seed, only }: { form: Form; seed: number; only: string },
): Promise<Outcome[]> {
  const chosen = faultsOn(stack).filter(({ name }) => name.includes(only));
  if (chosen.length === 0) return [];
  await using stage = await openStage({ stack, processes: processesOn(stack), form, seed });
  const outcomes: Outcome[] = [];
  for (const fault of chosen) {
    const outcome = await stage.run(fault);
    outcomes.push(outcome);
    console.log(lineOf(outcome));
    for (const violation of outcome.violations) console.log(`  VIOLATION ${violation}`);
  }
  return outcomes;
}

await main();
