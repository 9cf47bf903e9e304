/** A bound that owners share. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { createShares } from "../../src/pipeline/shares.ts";

test("one alone may hold four fifths, and the next ones still find room", () => {
  const shares = createShares(1000);
  const held = (owner: string) => {
    let count = 0;
    while (shares.hold(owner, 1) !== null) count += 1;
    return count;
  };
  expect([held("a"), held("b"), held("c")]).toEqual([800, 160, 32]);
});

test("never more is held than the bound, and all of it can be held again once it was let go of", () => {
  const steps = fc.array(
    fc.record({
      owner: fc.constantFrom("a", "b", "c"),
      amount: fc.integer({ min: 1, max: 90 }),
      release: fc.boolean(),
    }),
  );
  const property = fc.property(steps, (given) => {
    const shares = createShares(100);
    const held: { amount: number; release: () => void }[] = [];
    for (const { owner, amount, release } of given) {
      const hold = shares.hold(owner, amount);
      if (hold !== null) held.push({ amount, release: hold });
      expect(held.reduce((total, one) => total + one.amount, 0)).toBeLessThanOrEqual(100);
      if (release) held.shift()?.release();
    }
    for (const { release } of held) release();
    expect(shares.hold("d", 100)).not.toBeNull();
  });
  fc.assert(property);
});
