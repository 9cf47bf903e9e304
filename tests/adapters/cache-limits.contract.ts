import { expect } from "bun:test";
import { eventually } from "../eventually.ts";
import type { CacheTest } from "./cache.contract.ts";

/** The sliding window of a rate limit. */
export function limitsContract(withCache: CacheTest): void {
  withCache("lets exactly as many requests pass as allowed, however many ask at once", async (cache) => {
    const asked = Array.from({ length: 1_000 }, () => cache.rateLimitSlidingWindow("key", 100, 60));
    const answers = await Promise.all(asked);
    expect(answers.filter(({ allowed }) => allowed).length).toBe(100);
    const [first, last] = [answers[0], answers.at(-1)];
    expect(first).toEqual({ allowed: true, remaining: 99, resetMs: 0 });
    expect(last).toMatchObject({ allowed: false, remaining: 0 });
    expect(last?.resetMs).toBeGreaterThan(55_000);
    expect(last?.resetMs).toBeLessThanOrEqual(60_060);
    expect((await cache.rateLimitSlidingWindow("other", 1, 60)).allowed).toBe(true);
  });

  withCache("lets a request pass once an earlier one has left the window, not before", async (cache) => {
    const windowMs = 500;
    const passedMs: number[] = [];
    await eventually(async () => {
      const askedMs = performance.now();
      const { allowed } = await cache.rateLimitSlidingWindow("key", 3, windowMs / 1000);
      if (allowed) passedMs.push(askedMs);
      return passedMs.length >= 9;
    });
    for (let at = 3; at < passedMs.length; at++) {
      const apartMs = (passedMs[at] ?? 0) - (passedMs[at - 3] ?? 0);
      expect(apartMs).toBeGreaterThan(windowMs - 50); // The times are those of asking, not of counting.
      expect(apartMs).toBeLessThan(windowMs + 250);
    }
  });

  withCache("says truly when the next request will pass", async (cache) => {
    await cache.rateLimitSlidingWindow("key", 1, 0.3);
    const { allowed, resetMs } = await cache.rateLimitSlidingWindow("key", 1, 0.3);
    expect(allowed).toBe(false);
    expect(resetMs).toBeLessThanOrEqual(301);
    const startMs = performance.now();
    await eventually(async () => (await cache.rateLimitSlidingWindow("key", 1, 0.3)).allowed);
    expect(performance.now() - startMs).toBeGreaterThan(resetMs - 50);
  });

  withCache("lets nothing pass where nothing is allowed", async (cache) => {
    expect(await cache.rateLimitSlidingWindow("key", 0, 60)).toMatchObject({
      allowed: false,
      remaining: 0,
    });
  });
}
