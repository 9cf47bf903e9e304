import { expect } from "bun:test";
import { measure, type Result, type Scenario } from "./measure.ts";
import type { UnderLoad } from "./service.ts";
import { isHeld, rowsOf } from "./targets.ts";

/** A machine that does something else meanwhile may spoil a run, and not three. */
const runsMax = 3;
/** For that many runs of the longest short form, in milliseconds. */
export const shortFormsTimeoutMs = 150_000;

/** The short form of a scenario, until it `holds`. */
async function shortForm(
  scenario: Scenario,
  underLoad: UnderLoad,
  holds: (result: Result) => boolean,
): Promise<Result> {
  let result = await measure(scenario, { ...underLoad, short: true });
  for (let run = 1; run < runsMax && !holds(result); run += 1) {
    result = await measure(scenario, { ...underLoad, short: true });
  }
  return result;
}

/** Expects of a short form that everybody was served what they asked for, and that nothing is missing from what is reported of it. */
export async function expectServed(
  scenario: Scenario,
  underLoad: UnderLoad,
  holds = ({ traffic }: Result) => traffic.errorShare === 0,
): Promise<Result> {
  const result = await shortForm(scenario, underLoad, holds);
  const { traffic, intervals, samples, figures } = result;

  expect(traffic.errorShare).toBe(0);
  expect(traffic.requests).toBeGreaterThan(100);
  expect(intervals.reduce((sum, { requests }) => sum + requests, 0)).toBe(traffic.requests);
  expect(intervals.every(({ p50Ms, p95Ms, p99Ms }) => p50Ms <= p95Ms && p95Ms <= p99Ms)).toBe(true);
  expect(samples.length).toBeGreaterThan(scenario.shortSeconds / 2);
  expect(figures.unanswered).toBe(0);
  return result;
}

/** And that all targets hold. @param unmeasured what it does not tell */
export async function expectHeld(
  scenario: Scenario,
  underLoad: UnderLoad,
  unmeasured: string[] = [],
): Promise<void> {
  const result = await expectServed(scenario, underLoad, isHeld);
  const others = rowsOf(result).filter(({ verdict }) => verdict !== "held");
  expect(others).toMatchObject(unmeasured.map((measure) => ({ measure, verdict: "not measured" })));
  expect(result.traffic.broken).toEqual([]);
}
