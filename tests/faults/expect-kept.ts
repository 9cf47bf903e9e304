/** The short form of the faults of one stack, as tests of `bun run test`. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { lineOf } from "./counts.ts";
import { shortForm } from "./fault.ts";
import { faultsOn, processesOn } from "./faults.ts";
import type { StackName } from "./stack.ts";
import { openStage, type Stage } from "./stage.ts";

const startTimeoutMs = 90_000;
const faultTimeoutMs = 180_000;

/** Declares a test for each fault of the stack, on one service that lives through all of them. */
export function testFaultsOn(stack: StackName): void {
  const seed = Number(process.env.FAULTS_SEED ?? Date.now() % 1_000_000);
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({ stack, processes: processesOn(stack), form: shortForm, seed });
  }, startTimeoutMs);
  afterAll(() => stage[Symbol.asyncDispose](), startTimeoutMs);

  test.each(faultsOn(stack).map((fault) => [fault.name, fault] as const))(
    "%s: every 202 is kept",
    async (_, fault) => {
      const outcome = await stage.run(fault);
      console.log(`${lineOf(outcome)} (seed ${seed})`);
      expect(outcome.violations).toEqual([]);
    },
    faultTimeoutMs,
  );
}
