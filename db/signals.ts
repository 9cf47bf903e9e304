import { sql } from "drizzle-orm";
import { statement } from "./statement.ts";

const p = sql.placeholder;

/** Reaches who listens to the channel of this database, once it is committed. */
export const notify = statement<{ channel: string; payload: string }>(
  "notify",
  sql`select pg_notify(${p("channel")}, ${p("payload")})`,
);

/** `channel` is a name of ours, never what somebody sent. */
export const listenTo = (channel: string) => `listen ${channel}`;
