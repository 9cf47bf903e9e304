/** An event that the database refuses, whoever put it into the log, holds up nothing that came along with it. */
import { expect, test } from "bun:test";
import { workNeeds } from "../../src/app.ts";
import { createDeliver } from "../../src/pipeline/deliver.ts";
import { dispatch } from "../../src/pipeline/dispatch.ts";
import { createRecord } from "../../src/pipeline/record.ts";
import { EventsRefused, type NotificationEvent } from "../../src/ports.ts";
import { eventOf } from "../adapters/event-log.contract.ts";
import { stacks } from "../stacks.ts";
import { projectOf } from "./rows.ts";
import { createWorld } from "./world.ts";

test.each(stacks)(
  "on %s, what the database refuses of a batch is named with its reason, and the rest of it is planned",
  async (stack) => {
    await using world = await createWorld({ stack });
    const { app, client } = world;
    await app.log.close(); // Nobody else plans them.
    const projectId = await projectOf(world);
    const users = ["ana", "ben", "eve", "joe", "zoe"];
    const ids = await Promise.all(users.map((to) => client.send({ to, title: "Hello", body: "It works." })));
    const batch = users.map((userId, nth) => ({
      ...eventOf("normal", ["ben", "joe"].includes(userId) ? `${userId}\0` : userId),
      id: ids[nth] ?? "",
      projectId,
    }));
    const needs = workNeeds({ ...app, parts: { ...app, close: async () => {} } });
    const deliver = createDeliver({ ...needs, record: createRecord(app), onRoom: () => {} });

    const refusal = await dispatch({ ...needs, deliver }, batch, "normal").catch((error: unknown) => error);

    expect(refusal).toBeInstanceOf(EventsRefused);
    expect((refusal as EventsRefused).refused).toEqual([
      { event: batch[1] as NotificationEvent, why: expect.stringContaining("0x00") },
      { event: batch[3] as NotificationEvent, why: expect.stringContaining("0x00") },
    ]);
    const found = await Promise.all(ids.map((id) => client.notification(id)));
    expect(found.map(({ status }) => status)).toEqual(["sent", "pending", "sent", "pending", "sent"]);
  },
);
