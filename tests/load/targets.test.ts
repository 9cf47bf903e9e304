import { expect, test } from "bun:test";
import { heldResult } from "./results.ts";
import { isHeld, rowsOf, type Verdict } from "./targets.ts";

const verdict = (measure: string, result: Parameters<typeof rowsOf>[0]): Verdict | undefined =>
  rowsOf(result).find((row) => row.measure === measure)?.verdict;

test.each([
  [8, "held"],
  [60, "own bound missed"],
  [600, "target missed"],
  [1100, "critical"],
  [Number.NaN, "not measured"],
] as const)("a response time of %p ms is %s", (p95Ms, expected) => {
  const held = heldResult("load");
  const result = { ...held, traffic: { ...held.traffic, p95Ms } };
  expect(verdict("response time (p95)", result)).toBe(expected);
  expect(isHeld(result)).toBe(expected === "held" || expected === "not measured");
});

test.each([
  [0.95, "held"],
  [0.8, "target missed"],
  [0.6, "critical"],
] as const)("a share of hits of %p is %s", (cacheHitShare, expected) => {
  const held = heldResult("load");
  const result = { ...held, figures: { ...held.figures, cacheHitShare } };
  expect(verdict("cache hit rate", result)).toBe(expected);
});

test("what k6 itself finds broken is not held, though all rows are", () => {
  const held = heldResult("mixed");
  expect(isHeld(held)).toBe(true);
  expect(
    isHeld({ ...held, traffic: { ...held.traffic, broken: ["errors{scenario:readers}: rate==0"] } }),
  ).toBe(false);
});

test("a single wrong answer breaks our bound of a whole run, and not the target of a short one", () => {
  for (const short of [false, true]) {
    const held = heldResult("soak", { short });
    const result = { ...held, traffic: { ...held.traffic, errorShare: 1e-6 } };
    expect(verdict("error rate", result)).toBe(short ? "held" : "own bound missed");
  }
});
