/** Dispatch with what it needs of a world, for tests that give it its batches themselves. */
import { workNeeds } from "../../src/app.ts";
import { createDeliver } from "../../src/pipeline/deliver.ts";
import { dispatch } from "../../src/pipeline/dispatch.ts";
import { createRecord } from "../../src/pipeline/record.ts";
import type { NotificationEvent } from "../../src/ports.ts";
import { eventOf } from "../adapters/event-log.contract.ts";
import { projectOf } from "./rows.ts";
import type { World } from "./world.ts";

/** Plans batches of the normal lane; what is to be sent goes to queues of its own. */
export function dispatchOf({ app }: Pick<World, "app">): (batch: NotificationEvent[]) => Promise<void> {
  const needs = workNeeds({ ...app, parts: { ...app, close: async () => {} } });
  const deliver = createDeliver({ ...needs, record: createRecord(app), onRoom: () => {} });
  return (batch) => dispatch({ ...needs, deliver }, batch, "normal");
}

/** Events of notifications that are stored, one a user, and that nobody plans. */
export async function unplanned(world: World, users: string[]): Promise<NotificationEvent[]> {
  await world.app.log.close();
  const projectId = await projectOf(world);
  const send = (to: string) => world.client.send({ to, title: "Hello", body: "It works." });
  const ids = await Promise.all(users.map(send));
  return users.map((userId, nth) => ({ ...eventOf("normal", userId), id: ids[nth] ?? "", projectId }));
}
