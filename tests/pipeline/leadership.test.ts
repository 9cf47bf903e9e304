import { expect, test } from "bun:test";
import { createMemoryCache } from "../../src/adapters/cache-memory.ts";
import { createLeadership } from "../../src/pipeline/leadership.ts";
import { type Cache, CacheUnavailable } from "../../src/ports.ts";
import { steppedClock } from "./clock.ts";

test("one leads until it lets go or falls silent, and a later leader has a greater fence", async () => {
  const clock = steppedClock();
  const cache = createMemoryCache({ now: clock.now });
  const [first, second] = [createLeadership({ cache }, "sweep"), createLeadership({ cache }, "sweep")];

  const led = await first.hold();
  expect(led).not.toBeNull();
  expect(await second.hold()).toBeNull();
  clock.step(8000);
  expect(await first.hold()).toEqual(led);
  clock.step(8000);
  expect(await second.hold()).toBeNull();

  clock.step(8000);
  const taken = await second.hold();
  expect(taken?.fence).toBeGreaterThan(led?.fence ?? 0);
  expect(await first.hold()).toBeNull();

  await second.release();
  expect((await first.hold())?.fence).toBeGreaterThan(taken?.fence ?? 0);
});

test("while there is no lock to be had, everyone does the work", async () => {
  const unreachable = async () => {
    throw new CacheUnavailable("down");
  };
  const cache = { ...createMemoryCache(), acquireLock: unreachable, renewLock: unreachable } as Cache;
  expect(await createLeadership({ cache }, "sweep").hold()).not.toBeNull();
});
