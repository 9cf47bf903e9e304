import { expect, test } from "bun:test";
import { Seconds } from "./seconds.ts";
import type { Interval } from "./traffic.ts";

test("answers that come out of order are counted in their second, exactly, and given once it is settled", () => {
  const given: Interval[] = [];
  const seconds = new Seconds((interval) => given.push(interval));
  for (let nth = 100; nth >= 1; nth -= 1) seconds.answered(10, nth);
  seconds.answered(11, 5);
  seconds.failed(10);
  expect(given).toEqual([]);
  seconds.answered(16, 7);
  expect(given).toEqual([
    { atSeconds: 10, lengthSeconds: 1, requests: 100, errors: 1, p50Ms: 51, p95Ms: 96, p99Ms: 100 },
  ]);
  seconds.end();
  expect(given.map(({ atSeconds, requests }) => [atSeconds, requests])).toEqual([
    [10, 100],
    [11, 1],
    [16, 1],
  ]);
});
