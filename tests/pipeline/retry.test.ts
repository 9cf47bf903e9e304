/** What follows an attempt, for whatever it answered, however often it was tried, whenever that was. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Outcome, retryAfterMaxMs } from "../../src/channels/channel.ts";
import { jitterShare, verdictOf } from "../../src/pipeline/retry.ts";
import { day } from "./clock.ts";

const schedules = fc.array(fc.integer({ min: 0, max: day }), { maxLength: 8 });
const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const times = fc.integer({ min: 0, max: Date.parse("2100-01-01") });
const waits = fc.option(fc.integer({ min: 0, max: 10 * day }), { nil: undefined });
const temporary: fc.Arbitrary<Outcome> = fc.oneof(
  waits.map((retryAfterMs): Outcome => {
    return retryAfterMs === undefined
      ? { kind: "retry", answer: "later" }
      : { kind: "retry", answer: "later", retryAfterMs };
  }),
  fc.constant<Outcome>({ kind: "ambiguous", answer: "silence" }),
);

/** A try of which the schedule has another after it. */
const unfinished = schedules
  .filter(({ length }) => length > 0)
  .chain((schedule) =>
    fc.record({
      schedule: fc.constant(schedule),
      tries: fc.integer({ min: 1, max: schedule.length }),
      nowMs: times,
      random: randoms,
    }),
  );

const waitAfter = (outcome: Outcome, of: Parameters<typeof verdictOf>[1]) =>
  (verdictOf(outcome, of).retryAtMs ?? Number.NaN) - of.nowMs;

test("a wait is the schedule's, give or take a fifth", () => {
  fc.assert(
    fc.property(unfinished, (of) => {
      const scheduled = of.schedule[of.tries - 1] ?? Number.NaN;
      const wait = waitAfter({ kind: "retry", answer: "later" }, of);
      expect(wait).toBeGreaterThanOrEqual(Math.floor(scheduled * (1 - jitterShare)));
      expect(wait).toBeLessThanOrEqual(Math.ceil(scheduled * (1 + jitterShare)));
      expect(Number.isInteger(wait)).toBe(true);
    }),
  );
});

test("nobody is asked before the time that Retry-After names, up to a day", () => {
  fc.assert(
    fc.property(unfinished, fc.integer({ min: 0, max: 10 * day }), (of, retryAfterMs) => {
      const wait = waitAfter({ kind: "retry", answer: "later", retryAfterMs }, of);
      expect(wait).toBeGreaterThanOrEqual(Math.min(retryAfterMs, retryAfterMaxMs));
    }),
  );
});

test("no Retry-After holds a delivery up for longer than a day and a fifth, or its schedule", () => {
  fc.assert(
    fc.property(unfinished, fc.nat(), (of, retryAfterMs) => {
      const longest = Math.max(of.schedule[of.tries - 1] ?? 0, retryAfterMaxMs);
      const wait = waitAfter({ kind: "retry", answer: "later", retryAfterMs }, of);
      expect(wait).toBeLessThanOrEqual(Math.ceil(longest * (1 + jitterShare)));
    }),
  );
});

test("a longer wait in the schedule, a later Retry-After or a greater random number never mean an earlier try", () => {
  const longer = fc.integer({ min: 0, max: day });
  fc.assert(
    fc.property(unfinished, temporary, longer, longer, randoms, (of, outcome, wait, asked, random) => {
      const earlier = waitAfter(outcome, of);
      const longerSchedule = of.schedule.with(of.tries - 1, (of.schedule[of.tries - 1] ?? 0) + wait);
      expect(waitAfter(outcome, { ...of, schedule: longerSchedule })).toBeGreaterThanOrEqual(earlier);
      const greater = Math.max(random, of.random);
      expect(waitAfter(outcome, { ...of, random: greater })).toBeGreaterThanOrEqual(earlier);
      if (outcome.kind !== "retry") return;
      const later = { ...outcome, retryAfterMs: (outcome.retryAfterMs ?? 0) + asked };
      expect(waitAfter(later, of)).toBeGreaterThanOrEqual(earlier);
    }),
  );
});

test("after the schedule's last wait there is one more try and no other, whatever the provider asks for", () => {
  fc.assert(
    fc.property(schedules, temporary, times, randoms, (schedule, outcome, nowMs, random) => {
      for (let tries = 1; tries <= schedule.length + 2; tries++) {
        const { status, reason } = verdictOf(outcome, { tries, schedule, nowMs, random });
        expect(status).toBe(tries <= schedule.length ? "retrying" : "failed");
        if (status === "failed")
          expect(reason).toBe(outcome.kind === "ambiguous" ? "ambiguous" : "attempts_exhausted");
      }
    }),
  );
});

test("what is sent is done, and what is permanent is never tried again", () => {
  const tries = fc.integer({ min: 1, max: 20 });
  fc.assert(
    fc.property(schedules, tries, times, randoms, fc.string(), (schedule, tries, nowMs, random, reason) => {
      const of = { schedule, tries, nowMs, random };
      const sent = verdictOf({ kind: "sent", answer: "250 OK" }, of);
      expect(sent).toEqual({ status: "sent", reason: null, retryAtMs: null });
      const failed = verdictOf({ kind: "failed", answer: "550 no", reason }, of);
      expect(failed).toEqual({ status: "failed", reason, retryAtMs: null });
    }),
  );
});
