/** How many go in at the same time, and who goes next. */
import { expect, test } from "bun:test";
import { createTurnstile } from "../../src/pipeline/turnstile.ts";

const refusal = () => new Error("not now");
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test("so many are inside, those outside go in by turns of their owners, and all get in", async () => {
  const turnstile = createTurnstile({ insideMax: 2, waitMaxMs: 60_000 });
  const entered: string[] = [];
  let inside = 0;
  const through = async (name: string) => {
    const leave = await turnstile.enter(name.slice(0, 1), refusal);
    entered.push(name);
    inside += 1;
    expect(inside).toBeLessThanOrEqual(2);
    await turn();
    inside -= 1;
    leave();
  };
  const flood = Array.from({ length: 300 }, (_, nth) => through(`a${nth}`));
  const others = [through("b0"), through("b1")];
  await Promise.all([...flood, ...others]);

  expect(entered.length).toBe(302);
  expect(entered.indexOf("b1")).toBeLessThan(10);
  expect(entered.filter((name) => name.startsWith("a"))).toEqual(
    Array.from({ length: 300 }, (_, nth) => `a${nth}`),
  );
});

test("who waits too long gives up, and is not let in afterwards", async () => {
  const turnstile = createTurnstile({ insideMax: 1, waitMaxMs: 1 });
  const leave = await turnstile.enter("a", refusal);
  await expect(turnstile.enter("a", refusal)).rejects.toThrow("not now");

  leave();
  expect(await turnstile.enter("a", refusal)).toBeFunction();
});
