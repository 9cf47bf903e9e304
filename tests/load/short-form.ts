import { expect } from "bun:test";
import { measure, type Result, type Scenario } from "./measure.ts";
import type { UnderLoad } from "./service.ts";
import { rowsOf } from "./targets.ts";

/**
 * Runs the short form of a scenario and expects that everybody was served what they asked for, and that nothing is missing
 * from what is reported of it.
 */
export async function expectServed(scenario: Scenario, underLoad: UnderLoad): Promise<Result> {
  const result = await measure(scenario, { ...underLoad, short: true });
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
  const result = await expectServed(scenario, underLoad);
  const others = rowsOf(result).filter(({ verdict }) => verdict !== "held");
  expect(others).toMatchObject(unmeasured.map((measure) => ({ measure, verdict: "not measured" })));
  expect(result.traffic.broken).toEqual([]);
}
