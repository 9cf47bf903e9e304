/** What dispatch does with a batch of which the database takes a part. */
import { expect, test } from "bun:test";
import { Metrics } from "../bench/metrics.ts";
import { stacks } from "../stacks.ts";
import { dispatchOf, unplanned } from "./dispatch-by-hand.ts";
import { createWorld } from "./world.ts";

test.each(stacks)(
  "on %s, what was cancelled or planned before is neither stored nor counted with the rest of its batch",
  async (stack) => {
    await using world = await createWorld({ stack });
    const { app, client } = world;
    const batch = await unplanned(world, ["ana", "ben", "eve"]);
    await client.call("POST", `/v1/notifications/${batch[0]?.id}/cancel`);
    const dispatch = dispatchOf(world);
    const counted = async () =>
      new Metrics(await app.telemetry.metrics([])).sum("carillon_notifications_sent_total", {
        channel: "inbox",
      });

    await dispatch(batch.slice(0, 2));
    expect(await counted()).toBe(1);
    await dispatch(batch);
    expect(await counted()).toBe(2);
    const found = await Promise.all(batch.map(({ id }) => client.notification(id)));
    expect(found.map(({ status }) => status)).toEqual(["cancelled", "sent", "sent"]);
  },
);
