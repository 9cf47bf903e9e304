/** What a lane does in one go is small while a more urgent one has work, and whole otherwise. */
import { expect, test } from "bun:test";
import { workNeeds } from "../../src/app.ts";
import type { Priority } from "../../src/channels/channel.ts";
import { createAccept } from "../../src/pipeline/accept.ts";
import { createChannelQueue } from "../../src/pipeline/channel-queue.ts";
import type { Deliver } from "../../src/pipeline/deliver.ts";
import { dispatch } from "../../src/pipeline/dispatch.ts";
import { createLanePace } from "../../src/pipeline/lane-pace.ts";
import { deliveriesTask } from "../../src/pipeline/sweep-deliver.ts";
import type { NotificationEvent } from "../../src/ports.ts";
import { aNotification, projectOf } from "./rows.ts";
import { createWorld } from "./world.ts";

const queued = 300;

/** A pace whose time stands still: what had work once has it for good, and a rest takes no time. */
const stillPace = () => createLanePace({ nowMs: () => 0, sleep: async () => {} });

test("a batch is planned, and what is due handed on, in pieces of 32 and with an end to each round", async () => {
  await using world = await createWorld();
  const { app, clock } = world;
  const projectId = await projectOf(world);
  const events: NotificationEvent[] = [];
  const publishBuffered = async (published: NotificationEvent[]) => events.push(...published);
  const offered: number[] = [];
  const deliver: Pick<Deliver, "offer" | "room" | "fullChannels" | "reachable" | "places"> = {
    offer: (_channel, _lane, ids) => {
      if (ids.length > 0) offered.push(ids.length);
    },
    room: () => 20_000,
    fullChannels: () => ["webhook"], // So that all of them are due at once.
    reachable: () => true,
    places: () => ({ take: async () => 0, free: () => {}, recheck: () => {} }),
  };
  const pace = stillPace();
  let more = 0;
  const needs = {
    ...workNeeds({ ...app, parts: { ...app, close: async () => {} } }),
    pace,
    deliver: deliver as Deliver,
    onMore: () => {
      more += 1;
    },
  };
  const profile = { id: "ana", email: null, phone: null, name: null, locale: null, timezone: null };
  const notifications = Array.from({ length: queued }, () =>
    aNotification({
      projectId,
      nowMs: clock.now(),
      priority: "low",
      profile: { ...profile, webhookUrl: "http://127.0.0.1/" },
      channels: ["webhook"],
    }),
  );
  await createAccept({ ...app, ...app.config, log: { ...app.log, publishBuffered } }).submit({
    notifications,
    idempotency: null,
  });
  const planned = async () => {
    const text = await app.telemetry.metrics([]);
    return Number(/^carillon_flush_rows_count\{stage="dispatch"\} (\d+)$/m.exec(text)?.[1]);
  };

  pace.took("critical", 1);
  await dispatch(needs, events, "low");
  expect(await planned()).toBe(Math.ceil(queued / 32));

  const round = deliveriesTask(needs);
  await round(clock.now());
  expect({ offered, more }).toEqual({ offered: Array(8).fill(32), more: 1 });
  await round(clock.now());
  expect({ offered: offered.slice(8), more }).toEqual({ offered: [32, 12], more: 1 });
});

test.each<[Priority, number]>([
  ["low", 32],
  ["critical", 64],
])("beside critical ones, a %s claim takes at most %d", async (lane, most) => {
  const pace = stillPace();
  pace.took("critical", 1);
  const claims: number[] = [];
  const sent = Promise.withResolvers<void>();
  let left = queued;
  const queue = createChannelQueue<string>({
    concurrency: 64,
    pace,
    claim: async (offered) => {
      claims.push(offered.length);
      return offered.map(({ id }) => id);
    },
    unclaim: async () => {},
    isStale: () => false,
    release: async () => {},
    run: async () => {
      left -= 1;
      if (left === 0) sent.resolve();
    },
    onRoom: () => {},
    onError: (error) => {
      throw error;
    },
  });
  queue.offer(
    lane,
    Array.from({ length: queued }, (_, nth) => `id ${nth}`),
    Number.POSITIVE_INFINITY,
  );
  await sent.promise;
  expect(claims[0]).toBe(most);
  if (lane === "low") expect(Math.max(...claims)).toBe(most);
  await queue.stop();
});
