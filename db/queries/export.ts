import { and, type SQL, sql } from "drizzle-orm";
import { notifications } from "../schema.ts";
import {
  conditionsOf,
  type NotificationFilter,
  type NotificationRow,
  type ShownNotification,
} from "./notifications.ts";

/** A row as both drivers give it when no builder of Drizzle's stands between. */
export interface ExportRow {
  id: string;
  project_id: string;
  user_id: string;
  priority: NotificationRow["priority"];
  status: NotificationRow["status"];
  reason: string | null;
  channels: string | null;
  title: string;
  body: string;
  data: unknown;
  metadata: unknown;
  /** Milliseconds since the epoch. */
  send_at: number | null;
  expires_at: number | null;
}

const milliseconds = (column: SQL) => sql`(extract(epoch from ${column}) * 1000)::float8`;

/** All that passes the filter: to be read in the order of `id`, the oldest first. */
export function exportNotifications(filter: NotificationFilter): SQL {
  return sql`
    select id, project_id, user_id, priority, status, reason, channels, title, body, data, metadata,
      ${milliseconds(sql`send_at`)} as send_at, ${milliseconds(sql`expires_at`)} as expires_at
    from ${notifications} where ${and(...conditionsOf(filter))}`;
}

export function notificationOf(row: ExportRow): ShownNotification {
  const { project_id, user_id, send_at, expires_at, ...same } = row;
  return {
    ...same,
    projectId: project_id,
    userId: user_id,
    sendAt: send_at === null ? null : new Date(send_at),
    expiresAt: expires_at === null ? null : new Date(expires_at),
  };
}
