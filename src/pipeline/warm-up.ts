import { usableKeys } from "../../db/queries/keys.ts";
import { recentUsers } from "../../db/queries/notifications.ts";
import type { Cache, Database } from "../ports.ts";
import { keyEntry } from "./keys.ts";
import { profileEntry } from "./profiles.ts";

/** How many keys, and how many users' newest notifications, a start looks at. */
const keysMax = 100;
const notificationsMax = 1000;

/** Fetches ahead what the first requests will ask for: the keys, and the users that got something of late. */
export async function warmUp(needs: {
  db: Database;
  cache: Cache;
  cacheTtlSeconds: number;
  cachePreferencesTtlSeconds: number;
}): Promise<void> {
  const { db, cache } = needs;
  const keys = await usableKeys(db.orm, { limit: keysMax });
  const users = await recentUsers(db.orm, { limit: notificationsMax });
  await cache.prefetch([
    ...keys.map(({ hash }) => keyEntry(needs, hash)),
    ...users.map(({ project_id, user_id }) =>
      profileEntry(needs, { projectId: project_id, userId: user_id }),
    ),
  ]);
}
