/** What the service asks the database again and again, and how to count what each of them reads. */
import { sql } from "drizzle-orm";
import { idFloor, newId } from "../../db/id.ts";
import { countInbox, listInbox } from "../../db/queries/inbox.ts";
import { getNotification, listNotifications, pendingBetween } from "../../db/queries/notifications.ts";
import { listDeliveries, timelineOf } from "../../db/queries/timelines.ts";
import { rowsOf } from "../../db/statement.ts";
import type { Database } from "../../src/ports.ts";

interface User {
  projectId: string;
  userId: string;
}

export interface World {
  projectId: string;
  /** Of a notification in the midst of the others. */
  someId: string;
  someUser: User;
  /** Has one notification a day. */
  rareUser: User;
  /** When the first notification was made. */
  todayMs: number;
}

/** Of a project that has nothing yet; `someId` is set once there is something. */
export function newWorld(): World {
  const todayMs = Date.parse("2026-03-02T10:00:00Z");
  const projectId = newId(todayMs);
  return {
    projectId,
    someId: "",
    someUser: { projectId, userId: "user-17" },
    rareUser: { projectId, userId: "rare" },
    todayMs,
  };
}

const page = { limit: 20 };

export const hotQueries: [name: string, run: (db: Database, world: World) => Promise<unknown>][] = [
  [
    "a notification by its id",
    ({ orm }, { someId, projectId }) => getNotification(orm, { id: someId, projectId }),
  ],
  ["its deliveries and attempts", ({ orm }, { someId }) => timelineOf(orm, someId)],
  [
    "the newest of a user's inbox",
    ({ orm }, { someUser }) => listInbox(orm, { ...someUser, archived: false, unreadOnly: false }, page),
  ],
  [
    "a later page of a user's inbox",
    ({ orm }, { someUser, someId }) =>
      listInbox(orm, { ...someUser, archived: false, unreadOnly: true }, { ...page, olderThan: someId }),
  ],
  ["the badge of a user's inbox", ({ orm }, { someUser }) => countInbox(orm, someUser)],
  [
    "the newest notifications of a user",
    ({ orm }, { someUser }) => listNotifications(orm, { ...someUser, metadata: {} }, page),
  ],
  [
    "the few notifications of a user",
    ({ orm }, { rareUser }) => listNotifications(orm, { ...rareUser, metadata: {} }, page),
  ],
  ["the badge of a user who got little", ({ orm }, { rareUser }) => countInbox(orm, rareUser)],
  [
    "a later page of the notifications of a user",
    ({ orm }, { someUser, someId }) =>
      listNotifications(orm, { ...someUser, metadata: {} }, { ...page, olderThan: someId }),
  ],
  [
    "the newest notifications of all",
    ({ orm }, { projectId }) => listNotifications(orm, { projectId, metadata: {} }, page),
  ],
  [
    "the dead letters",
    ({ orm }, { projectId }) => listDeliveries(orm, { projectId, status: "failed" }, page),
  ],
  [
    "what is pending of a short while",
    ({ orm }, { todayMs }) =>
      pendingBetween(orm, { from: idFloor(todayMs), to: idFloor(todayMs + 100), limit: 100 }),
  ],
];

/** How the tables that grow were read so far, from one end to the other, and how many rows in all. For one connection. */
export async function readsOf({ orm }: Database): Promise<{ scans: number; rows: number }> {
  await orm.execute(sql`select pg_stat_force_next_flush()`);
  const [row] = rowsOf<{ scans: number; rows: number }>(
    await orm.execute(sql`
      select sum(seq_scan)::int as scans, sum(seq_tup_read + idx_tup_fetch)::int as rows
      from pg_stat_user_tables where relname ~ '^(notifications|deliveries|attempts)_[0-9]{8}$'`),
  );
  return row ?? { scans: Number.NaN, rows: Number.NaN };
}
