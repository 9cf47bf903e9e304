import { sql } from "drizzle-orm";
import { statement } from "../statement.ts";

const p = sql.placeholder;

export interface SandboxRow {
  id: string;
  user_id: string;
  channel: string;
  message: Record<string, unknown>;
}

/** Keeps a message, unless its user was erased meanwhile, and of all messages the newest `keep`. */
export const keepSandboxMessage = statement<{
  id: string;
  projectId: string;
  userId: string;
  channel: string;
  message: string;
  notificationId: string;
  keep: number;
}>(
  "keepSandboxMessage",
  sql`
    with pruned as (
      delete from sandbox_messages
      where id < (select id from sandbox_messages order by id desc offset ${p("keep")}::int - 1 limit 1)
    )
    insert into sandbox_messages (id, project_id, user_id, channel, message)
    select ${p("id")}::uuid, ${p("projectId")}::uuid, ${p("userId")}, ${p("channel")}, ${p("message")}::text::jsonb
    from notifications where id = ${p("notificationId")} and title <> ''`,
);

/** Newest first; of one project, or of all where it is null. */
export const listSandboxMessages = statement<{ projectId: string | null; limit: number }, SandboxRow>(
  "listSandboxMessages",
  sql`
    select id, user_id, channel, message from sandbox_messages
    where ${p("projectId")}::uuid is null or project_id = ${p("projectId")}::uuid
    order by id desc limit ${p("limit")}::int`,
);
