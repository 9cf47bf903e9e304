/** Which of a batch are stored together, and in which order. */
import { expect, test } from "bun:test";
import type { Channel, Profile } from "../../src/channels/channel.ts";
import { createPlaces } from "../../src/pipeline/places.ts";
import { type Planned, placelessFirst, placeNext } from "../../src/pipeline/placing.ts";
import type { Decision } from "../../src/pipeline/plan.ts";
import { eventOf } from "../adapters/event-log.contract.ts";

function planned(id: string, ...decisions: [Channel, Decision["does"]][]): Planned {
  return {
    event: { ...eventOf("normal", id), id },
    profile: { id } as Profile,
    decisions: decisions.map(([channel, does]) => ({ channel, does, reason: "no_address" }) as Decision),
    atOnce: [],
  };
}

test("what needs no place is stored first, and waits for none; both keep their order", async () => {
  const batch = [
    planned("a webhook", ["webhook", "send"]),
    planned("an inbox", ["inbox", "store"]),
    planned("both", ["inbox", "store"], ["webhook", "send"]),
    planned("a skipped one", ["email", "skip"]),
  ];
  const sorted = placelessFirst(batch);
  expect(sorted.map(({ event }) => event.id)).toEqual(["an inbox", "a skipped one", "a webhook", "both"]);

  const onePlace = createPlaces({ most: () => 1, held: () => 0, before: () => 0, sentIn: () => 0 });
  const { placed } = await placeNext({ places: () => onePlace }, sorted, "normal", 0);
  expect(placed.map(({ event, atOnce }) => [event.id, atOnce])).toEqual([
    ["an inbox", []],
    ["a skipped one", []],
    ["a webhook", ["webhook"]],
  ]);
});
