/** What dispatch does with a batch of which the database takes a part. */
import { expect, test } from "bun:test";
import { workNeeds } from "../../src/app.ts";
import { createDeliver } from "../../src/pipeline/deliver.ts";
import { dispatch } from "../../src/pipeline/dispatch.ts";
import { createRecord } from "../../src/pipeline/record.ts";
import { eventOf } from "../adapters/event-log.contract.ts";
import { Metrics } from "../bench/metrics.ts";
import { stacks } from "../stacks.ts";
import { projectOf } from "./rows.ts";
import { createWorld } from "./world.ts";

test.each(stacks)(
  "on %s, what was cancelled or planned before is neither stored nor counted with the rest of its batch",
  async (stack) => {
    await using world = await createWorld({ stack });
    const { app, client } = world;
    await app.log.close(); // Nobody else plans them.
    const projectId = await projectOf(world);
    const users = ["ana", "ben", "eve"];
    const ids = await Promise.all(users.map((to) => client.send({ to, title: "Hello", body: "It works." })));
    const batch = users.map((userId, nth) => ({
      ...eventOf("normal", userId),
      id: ids[nth] ?? "",
      projectId,
    }));
    await client.call("POST", `/v1/notifications/${ids[0]}/cancel`);
    const needs = workNeeds({ ...app, parts: { ...app, close: async () => {} } });
    const deliver = createDeliver({ ...needs, record: createRecord(app), onRoom: () => {} });
    const counted = async () =>
      new Metrics(await app.telemetry.metrics([])).sum("carillon_notifications_sent_total", {
        channel: "inbox",
      });

    await dispatch({ ...needs, deliver }, batch.slice(0, 2), "normal");
    expect(await counted()).toBe(1);
    await dispatch({ ...needs, deliver }, batch, "normal");
    expect(await counted()).toBe(2);
    const found = await Promise.all(ids.map((id) => client.notification(id)));
    expect(found.map(({ status }) => status)).toEqual(["cancelled", "sent", "sent"]);
  },
);
