/** Notifications as the pipeline takes them, for tests that go past the API. */
import { newId } from "../../db/id.ts";
import { ensureProject } from "../../db/queries/keys.ts";
import type { NewNotification } from "../../src/pipeline/accept.ts";
import { defaultProject } from "../../src/pipeline/keys.ts";
import type { World } from "./world.ts";

/** The project of the world's admin key. */
export async function projectOf({ app, clock }: Pick<World, "app" | "clock">): Promise<string> {
  const project = { id: newId(clock.now()), name: defaultProject, kind: "live" };
  const [row] = await ensureProject(app.db.orm, project);
  if (row === undefined) throw new Error("the project was not stored");
  return row.id;
}

/** Valid in each field; a test names what matters to it. */
export function aNotification({
  nowMs,
  ...fields
}: { nowMs: number; projectId: string } & Partial<NewNotification>): NewNotification {
  return {
    id: newId(nowMs),
    status: "pending",
    test: false,
    profile: null,
    userId: "ana",
    channels: null,
    priority: "normal",
    title: "Hello",
    body: "It works.",
    data: null,
    metadata: null,
    sendAtMs: null,
    expiresAtMs: null,
    trace: null,
    ...fields,
  };
}
