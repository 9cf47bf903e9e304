import { z } from "zod";
import { idTimeMs } from "../../db/id.ts";
import { listSandboxMessages, type SandboxRow } from "../../db/queries/sandbox.ts";
import { iso } from "../pipeline/time.ts";
import * as examples from "./examples.ts";
import { channel } from "./fields.ts";
import { operation } from "./operation.ts";

const sandboxMessage = z
  .object({
    id: z.string(),
    user_id: z.string(),
    channel,
    address: z.string().nullable(),
    title: z.string(),
    body: z.string(),
    notification_id: z.string(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: "SandboxMessage" });

export function viewOfSandboxMessage({ id, user_id, channel, message }: SandboxRow) {
  const { address, title, body, notification_id } = message as Record<string, string>;
  return { id, user_id, channel, address, title, body, notification_id, created_at: iso(idTimeMs(id)) };
}

/** How many messages the API and the page show. */
export const sandboxShown = 100;

const list = operation({
  id: "listSandboxMessages",
  method: "get",
  path: "/v1/sandbox/messages",
  tag: "Sandbox",
  summary: "List what the sandbox kept",
  description:
    "In dev, a channel without a provider keeps its messages here instead of sending them. Newest first.",
  scope: "read",
  devOnly: true,
  status: 200,
  answer: z.array(sandboxMessage),
  list: true,
  examples: { answer: [examples.sandboxMessage] },
  errors: [],
  async handle({ app, caller }) {
    const rows = await listSandboxMessages(app.db.orm, { projectId: caller.project_id, limit: sandboxShown });
    return { data: rows.map(viewOfSandboxMessage), next: null, previous: null };
  },
});

export const sandboxOperations = [list];
