/** How much happened lately is what a queue makes places for: so many, and never a part of one. */
import { expect, test } from "bun:test";
import { createRecentCount } from "../../src/pipeline/recent-count.ts";

test("what happened lately is a whole number, however long a window took, and is forgotten where nothing follows", () => {
  let nowMs = 0;
  const recent = createRecentCount(50, () => nowMs);
  for (let nth = 0; nth < 100; nth += 1) recent.add();
  nowMs = 50.3;
  expect(recent.lately()).toBe(99);
  nowMs = 1000;
  expect(recent.lately()).toBe(0);
});
