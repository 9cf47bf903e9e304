import { newId } from "../../db/id.ts";
import { notificationColumns } from "../db/notification-columns.ts";
import { text, title, userOf } from "./bodies.ts";

/** What a bulk request of so many becomes in the database, with ids of now. */
export function bulkColumns(projectId: string, rows: number) {
  const indexes = Array.from({ length: rows }, (_, index) => index);
  const ids = indexes.map(() => newId(Date.now()));
  return notificationColumns(ids, {
    projectId,
    userIds: indexes.map(userOf),
    channels: indexes.map(() => "inbox"),
    titles: indexes.map(() => title),
    bodies: indexes.map(() => text),
    metadata: indexes.map(() => '{"order":42}'),
  });
}
