import { expect, test } from "bun:test";
import fc from "fast-check";
import { countRequest, type RateWindow, slotMsOf } from "../../src/adapters/rate-window.ts";

const requests = fc.record({
  max: fc.integer({ min: 1, max: 20 }),
  windowMs: fc.integer({ min: 1, max: 5_000 }),
  gapsMs: fc.array(fc.integer({ min: 0, max: 800 }), { minLength: 1, maxLength: 200 }),
});

test("never more than allowed pass in any window, and none is refused that a window and a slot ago would not count", () => {
  fc.assert(
    fc.property(requests, ({ max, windowMs, gapsMs }) => {
      const window: RateWindow = { slots: [], used: 0 };
      const passedMs: number[] = [];
      let nowMs = 1_700_000_000_000;
      for (const gapMs of gapsMs) {
        nowMs += gapMs;
        const within = (ms: number) => passedMs.filter((at) => at > nowMs - ms).length;
        const surelyFree = within(windowMs + slotMsOf(windowMs)) < max;
        const { allowed, remaining, resetMs } = countRequest(window, max, windowMs, nowMs);
        if (allowed) passedMs.push(nowMs);
        expect(within(windowMs)).toBeLessThanOrEqual(max);
        expect(allowed || !surelyFree).toBe(true);
        expect(remaining === 0).toBe(resetMs > 0);
        expect(resetMs).toBeLessThanOrEqual(windowMs + slotMsOf(windowMs));
        expect(window.slots.length).toBeLessThanOrEqual(1_002);
      }
    }),
  );
});
