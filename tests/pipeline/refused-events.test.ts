/** An event that the database refuses, whoever put it into the log, holds up nothing that came along with it. */
import { expect, test } from "bun:test";
import { EventsRefused, type NotificationEvent } from "../../src/ports.ts";
import { stacks } from "../stacks.ts";
import { dispatchOf, unplanned } from "./dispatch-by-hand.ts";
import { createWorld } from "./world.ts";

test.each(stacks)(
  "on %s, what the database refuses of a batch is named with its reason, and the rest of it is planned",
  async (stack) => {
    await using world = await createWorld({ stack });
    const events = await unplanned(world, ["ana", "ben", "eve", "joe", "zoe"]);
    const batch = events.map((event) => ({
      ...event,
      userId: ["ben", "joe"].includes(event.userId) ? `${event.userId}\0` : event.userId,
    }));

    const refusal = await dispatchOf(world)(batch).catch((error: unknown) => error);

    expect(refusal).toBeInstanceOf(EventsRefused);
    expect((refusal as EventsRefused).refused).toEqual([
      { event: batch[1] as NotificationEvent, why: expect.stringContaining("0x00") },
      { event: batch[3] as NotificationEvent, why: expect.stringContaining("0x00") },
    ]);
    const found = await Promise.all(batch.map(({ id }) => world.client.notification(id)));
    expect(found.map(({ status }) => status)).toEqual(["sent", "pending", "sent", "pending", "sent"]);
  },
);
