import { z } from "zod";
import type { NotificationFilter } from "../../db/queries/notifications.ts";
import { priorities } from "../channels/channel.ts";
import { channel, time } from "./fields.ts";
import { metadataFilter, notificationStatus } from "./schemas.ts";

/** What a list or an export of notifications is narrowed by. */
export const notificationFilters = {
  status: notificationStatus.optional(),
  channel: channel.optional(),
  priority: z.enum(priorities).optional(),
  created_after: time.optional().meta({ description: "Made at this time or later" }),
  created_before: time.optional().meta({ description: "Made before this time" }),
  metadata: metadataFilter,
};

export interface FilterQuery {
  status?: string | undefined;
  channel?: string | undefined;
  priority?: string | undefined;
  created_after?: string | undefined;
  created_before?: string | undefined;
  metadata?: Record<string, string> | undefined;
}

export function filterFrom(
  { project_id }: { project_id: string },
  userId: string | undefined,
  { status, channel, priority, created_after, created_before, metadata = {} }: FilterQuery,
): NotificationFilter {
  return {
    projectId: project_id,
    userId,
    status,
    channel,
    priority,
    createdAfterMs: created_after === undefined ? undefined : Date.parse(created_after),
    createdBeforeMs: created_before === undefined ? undefined : Date.parse(created_before),
    metadata,
  };
}
