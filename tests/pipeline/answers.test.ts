import { expect, test } from "bun:test";
import { createMemoryCache } from "../../src/adapters/cache-memory.ts";
import { createAnswers } from "../../src/pipeline/answers.ts";
import type { CacheEntry } from "../../src/ports.ts";
import { day, minute, steppedClock } from "./clock.ts";

const name = { projectId: "11111111-1111-7111-8111-111111111111", key: "order 42 shipped" };
const request = { ...name, requestHash: "hash", response: '{"data": {"id": "1 2"}}' };
const earlier = { requestHash: request.requestHash, response: request.response };

test("an answer is given as it was, and no more once another process's clock may say that its 24 hours are over", async () => {
  const clock = steppedClock();
  const answers = createAnswers({ cache: createMemoryCache(), clock, cacheTtlSeconds: 3600 });
  answers.keep([request], clock.now());
  await answers.drained();
  expect(await answers.find({ ...name, key: "order 43 shipped" })).toBeNull();
  expect(await answers.find(name)).toEqual(earlier);
  clock.step(day - 6 * minute);
  expect(await answers.find(name)).toEqual(earlier);
  clock.step(minute);
  expect(await answers.find(name)).toBeNull();
});

test("it is kept for ten minutes, or for as long as CACHE_TTL_SECONDS says if that is shorter", async () => {
  for (const [cacheTtlSeconds, ttlSeconds] of [
    [3600, 600],
    [60, 60],
  ] as const) {
    const sets: CacheEntry[][] = [];
    const mSet = async (entries: CacheEntry[]) => void sets.push(entries);
    const cache = { ...createMemoryCache(), mSet };
    const answers = createAnswers({ cache, clock: steppedClock(), cacheTtlSeconds });
    answers.keep([request, { ...request, key: "other" }], 0);
    expect(sets.map((entries) => entries.map((entry) => entry.ttlSeconds))).toEqual([
      [ttlSeconds, ttlSeconds],
    ]);
  }
});

test("a cache that hangs holds a bounded number of flushes' answers, and those that are too long not at all", async () => {
  const open = Promise.withResolvers<void>();
  let sets = 0;
  const mSet = () => {
    sets += 1;
    return open.promise;
  };
  const answers = createAnswers({
    cache: { ...createMemoryCache(), mSet },
    clock: steppedClock(),
    cacheTtlSeconds: 3600,
  });
  answers.keep([], 0);
  answers.keep([{ ...request, response: "x".repeat(128 * 1024 + 1) }], 0);
  expect(sets).toBe(0);
  for (let nth = 0; nth < 100; nth += 1) answers.keep([request], 0);
  expect(sets).toBe(8);
  open.resolve();
  await answers.drained();
  answers.keep([request], 0);
  expect(sets).toBe(9);
});
