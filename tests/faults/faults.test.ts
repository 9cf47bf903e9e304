/**
 * The short form of the faults. The stacks go through theirs side by side, since most of it is waiting; each test
 * tells of one fault. FAULTS_SEED sets when processes are killed.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { lineOf, type Outcome } from "./counts.ts";
import { shortForm } from "./fault.ts";
import { faults, processesOn } from "./faults.ts";
import { stackNames } from "./stack.ts";
import { openStage } from "./stage.ts";

const seed = Number(process.env.FAULTS_SEED ?? Date.now() % 1_000_000);
const timeoutMs = 180_000;

const plans = stackNames.map((stack) => ({
  stack,
  runs: faults
    .filter(({ shortOn }) => shortOn.includes(stack))
    .map((fault) => ({ fault, outcome: Promise.withResolvers<Outcome>() })),
}));
let done: Promise<unknown>;

beforeAll(() => {
  done = Promise.all(plans.filter(({ runs }) => runs.length > 0).map(goThrough));
});
afterAll(async () => {
  await done;
}, timeoutMs);

async function goThrough({ stack, runs }: (typeof plans)[number]): Promise<void> {
  try {
    await using stage = await openStage({ stack, processes: processesOn(stack), form: shortForm, seed });
    for (const { fault, outcome } of runs) outcome.resolve(await stage.run(fault));
  } catch (error) {
    for (const { outcome } of runs) {
      outcome.promise.catch(() => {}); // Whoever asks for it hears of it.
      outcome.reject(error);
    }
  }
}

describe.each(plans.filter(({ runs }) => runs.length > 0))(
  "on the stack $stack, every 202 is kept",
  ({ runs }) => {
    for (const { fault, outcome } of runs) {
      test(
        fault.name,
        async () => {
          const known = await outcome.promise;
          console.log(`${lineOf(known)} (seed ${seed})`);
          expect(known.violations).toEqual([]);
        },
        timeoutMs,
      );
    }
  },
);
