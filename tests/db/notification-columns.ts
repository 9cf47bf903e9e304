import type { NotificationColumns } from "../../db/queries/notifications.ts";

/** What `insertNotifications` takes for these ids: plain notifications, but for the columns that are given. */
export function notificationColumns(
  ids: string[],
  { projectId, ...columns }: Partial<NotificationColumns> & { projectId: string },
) {
  const all = <T>(value: T) => ids.map(() => value);
  return {
    ids,
    projectIds: all(projectId),
    userIds: all("ana"),
    priorities: all("normal"),
    statuses: all("pending"),
    channels: all(null),
    titles: all("Hello"),
    bodies: all("It works."),
    data: all(null),
    metadata: all(null),
    sendAt: all(null),
    expiresAt: all(null),
    traceparents: all(null),
    tracestates: all(null),
    ...columns,
  } satisfies NotificationColumns;
}
