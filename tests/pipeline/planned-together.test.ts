/** Batches of a lane that come while others are being planned are planned together, and each hears of its own events. */
import { expect, test } from "bun:test";
import type { Priority } from "../../src/channels/channel.ts";
import { plannedTogether } from "../../src/pipeline/planned-together.ts";
import { EventsRefused } from "../../src/ports.ts";
import { eventOf } from "../adapters/event-log.contract.ts";

const someEvents = (from: number, count: number) =>
  Array.from({ length: count }, (_, nth) => ({ ...eventOf(), id: `event ${from + nth}` }));

/** Planning that ends when it is told to, each by itself. */
function heldDispatch() {
  const calls: { lane: Priority; ids: string[]; end: PromiseWithResolvers<void> }[] = [];
  const dispatch = plannedTogether((batch, lane) => {
    const end = Promise.withResolvers<void>();
    calls.push({ lane, ids: batch.map(({ id }) => id), end });
    return end.promise;
  });
  const begun = async (count: number) => {
    while (calls.length < count) await new Promise(setImmediate);
    return calls[count - 1] as (typeof calls)[number];
  };
  return { dispatch, begun, calls };
}

/** Two batches are under way; what comes now waits for them. */
async function twoUnderWay() {
  const held = heldDispatch();
  const first = held.dispatch(someEvents(0, 1), "normal");
  await held.begun(1);
  const second = held.dispatch(someEvents(1, 1), "normal");
  await held.begun(2);
  return { ...held, first, second };
}

test("what waits is planned as one, and no lane waits for another's", async () => {
  const { dispatch, begun, calls, first } = await twoUnderWay();
  const waiting = [dispatch(someEvents(2, 13), "normal"), dispatch(someEvents(15, 2), "normal")];
  const critical = dispatch(someEvents(17, 1), "critical");
  expect((await begun(3)).lane).toBe("critical");
  calls[2]?.end.resolve();
  await critical;

  calls[0]?.end.resolve();
  await first;
  expect((await begun(4)).ids).toEqual(someEvents(2, 15).map(({ id }) => id));
  calls[3]?.end.resolve();
  await Promise.all(waiting);
});

test("whoever's events are refused hears of them, and nobody else", async () => {
  const { dispatch, begun, calls } = await twoUnderWay();
  const [good, bad] = [someEvents(2, 1), someEvents(3, 2)];
  const ofGood = dispatch(good, "normal");
  const ofBad = dispatch(bad, "normal").catch((error: unknown) => error);
  calls[0]?.end.resolve();
  const refused = bad.slice(0, 1).map((event) => ({ event, why: "no such day" }));
  (await begun(3)).end.reject(new EventsRefused(refused));

  await ofGood;
  expect(await ofBad).toEqual(new EventsRefused(refused));
});

test("what fails is handed out again by all whose events were in it", async () => {
  const { dispatch, begun, calls } = await twoUnderWay();
  const waiting = [dispatch(someEvents(2, 1), "normal"), dispatch(someEvents(3, 1), "normal")];
  calls[0]?.end.resolve();
  (await begun(3)).end.reject(new Error("the database is gone"));
  const outcomes = await Promise.allSettled(waiting);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});
