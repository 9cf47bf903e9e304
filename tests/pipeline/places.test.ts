/** What is planned is ours to send at once where its channel has places; what finds none is queued and claimed. */
import { describe, expect, test } from "bun:test";
import { createChannelQueue } from "../../src/pipeline/channel-queue.ts";
import { createLanePace } from "../../src/pipeline/lane-pace.ts";
import { createPlaces } from "../../src/pipeline/places.ts";
import { Metrics } from "../bench/metrics.ts";
import { stacks } from "../stacks.ts";
import { hangingWebhooks } from "./hanging.ts";
import { createWorld, type World } from "./world.ts";

const longMs = 60_000;

/** Places of which there are ten, and a queue that is filled by hand. */
function tenPlaces() {
  const state = { held: 0, before: 0, sentASecond: 0 };
  const places = createPlaces({
    most: () => 10,
    held: () => state.held,
    before: () => state.before,
    sentIn: (ms) => (state.sentASecond * ms) / 1000,
  });
  return { places, state };
}

describe("places", () => {
  test("are given at once while there are enough, and never more than there are", async () => {
    const { places } = tenPlaces();
    expect(await places.take(4, longMs)).toBe(4);
    expect(await places.take(100, longMs)).toBe(6);
    expect(await places.take(1, 0)).toBe(0);
  });

  test("are waited for in the order of coming, until half of them are free", async () => {
    const { places, state } = tenPlaces();
    expect(await places.take(10, longMs)).toBe(10);
    const order: string[] = [];
    const first = places.take(100, longMs).then((taken) => order.push(`first ${taken}`));
    const second = places.take(1, longMs).then((taken) => order.push(`second ${taken}`));
    state.held = 6; // What was taken is in the queue, and four of it are gone.
    places.free(10);
    await Promise.resolve();
    expect(order).toEqual([]);
    state.held = 5;
    places.recheck();
    await first;
    state.held = 0;
    places.recheck();
    await second;
    expect(order).toEqual(["first 5", "second 1"]);
  });

  test("that do not come in time are done without", async () => {
    const { places, state } = tenPlaces();
    state.held = 8;
    expect(await places.take(10, 1)).toBe(2);
    places.free(2);
    expect(await places.take(2, 0)).toBe(2);
  });

  test("are for nobody while others wait to be claimed, and are waited for where those are sent within a second", async () => {
    const { places, state } = tenPlaces();
    state.before = 100;
    state.sentASecond = 100;
    expect(await places.take(1, 1)).toBe(0);
    const taken = places.take(1, longMs);
    state.before = 0;
    places.recheck();
    expect(await taken).toBe(1);
  });

  test("are not waited for behind more than there are, unless those are sent within a second", async () => {
    const { places, state } = tenPlaces();
    state.before = 11;
    expect(await places.take(1, longMs)).toBe(0);
    state.before = 101;
    state.sentASecond = 100;
    expect(await places.take(1, longMs)).toBe(0);
  });
});

test("what waited for so long that its lease would not do is handed back, not begun", async () => {
  const begun: string[] = [];
  const back: string[] = [];
  const queue = createChannelQueue<string>({
    concurrency: 2,
    pace: createLanePace(),
    claim: async () => [],
    unclaim: async (claimed) => {
      back.push(...claimed);
    },
    isStale: (claimed) => claimed.startsWith("old"),
    release: async () => {},
    run: async (claimed) => {
      begun.push(claimed);
    },
    onRoom: () => {},
    onError: (error) => {
      throw error;
    },
  });
  queue.take("normal", ["new 1", "old 1", "old 2", "new 2"]);
  await queue.stop();
  expect(begun).toEqual(["new 1", "new 2"]);
  expect(back.sort()).toEqual(["old 1", "old 2"]);
});

const claimsOf = async ({ app }: World) =>
  new Metrics(await app.telemetry.metrics([])).sum("carillon_database_query_seconds_count", {
    query: "claimDeliveries",
  });

test.each(stacks)(
  "on %s, what is sent as fast as it comes is claimed with its plan, and what comes faster by itself",
  async (stack) => {
    await using world = await createWorld({ stack, env: { WEBHOOK_CONNECTIONS: "2" } });
    const { hanging, send, answer } = await hangingWebhooks(world);
    const second = await send("is sent beside it");
    await world.delivery(second, "webhook", "sending");
    expect(await claimsOf(world)).toBe(0);

    const waiting: string[] = [];
    for (let nth = 0; nth < 6; nth += 1) waiting.push(await send(`waits ${nth}`));
    await world.delivery(waiting.at(-1) ?? "", "webhook", "queued");
    answer();
    for (const id of [hanging, second, ...waiting]) await world.delivery(id, "webhook", "sent");
    expect(await claimsOf(world)).toBeGreaterThan(0);
  },
);
