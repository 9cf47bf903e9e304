import type { NotificationStatus } from "../../db/queries/notifications.ts";
import type { App } from "../app.ts";
import { ClientError } from "../errors.ts";
import { findNotification } from "./stored.ts";
import { viewOfNotificationDetail } from "./views.ts";

interface Detail {
  data: ReturnType<typeof viewOfNotificationDetail>;
  archived: boolean;
}

const cacheKeyOf = (projectId: string, id: string) => `notification:${projectId}:${id}`;

/** Nothing changes a closed notification by itself: only a replay, its user's marks and an erasure do. */
const isClosed = ({ data }: Detail) => !openStatuses.has(data.status);
const openStatuses = new Set<string>(["scheduled", "pending", "processing"] satisfies NotificationStatus[]);

/**
 * A notification as it is read. A closed one is cached, since those who wait for the end of one ask again and again;
 * an open one is read anew each time.
 *
 * @throws ClientError where there is none, or where the archive has to be asked and does not answer
 */
export async function detailOf(app: App, projectId: string, id: string): Promise<Detail> {
  let fetched: Detail | undefined;
  const closed = await app.cache.getOrSet<Detail | undefined>(
    cacheKeyOf(projectId, id),
    async () => {
      fetched = await readDetail(app, projectId, id);
      return isClosed(fetched) ? fetched : undefined; // Undefined is not kept.
    },
    app.config.cacheNotificationTtlSeconds,
  );
  // Whoever shared another's fetch of an open one has not seen it.
  return closed ?? fetched ?? readDetail(app, projectId, id);
}

async function readDetail(app: App, projectId: string, id: string): Promise<Detail> {
  const found = await findNotification(app, { projectId, id });
  if (found === null) {
    throw new ClientError("notification_not_found", `No notification ${id} belongs to this key's project.`);
  }
  return { data: viewOfNotificationDetail(found.notification, found), archived: found.archived };
}

/** To be called after each change of a notification that may be closed was committed. */
export function forgetDetails(
  { cache }: Pick<App, "cache">,
  projectId: string,
  ids: string[],
): Promise<void> {
  return cache.delete(ids.map((id) => cacheKeyOf(projectId, id)));
}
