import { z } from "zod";
import { closeNotifications } from "../../db/queries/notifications.ts";
import {
  eraseUser,
  getUser,
  lockNotificationsOfUser,
  openNotificationIdsOf,
  replaceUsers,
} from "../../db/queries/users.ts";
import type { App } from "../app.ts";
import { ClientError } from "../errors.ts";
import { forgetProfiles, type KnownProfile, profileColumns, profileKeyOf } from "../pipeline/profiles.ts";
import { iso } from "../pipeline/time.ts";
import { forgetDetails } from "./detail.ts";
import * as examples from "./examples.ts";
import { privateFaults, profileOf } from "./intake.ts";
import { notificationFilters } from "./notification-filters.ts";
import { replyWithList } from "./notifications.ts";
import { operation } from "./operation.ts";
import { validationError } from "./problem.ts";
import { listQuery, profileInput, userParams } from "./schemas.ts";
import { fromArchive } from "./stored.ts";
import { erasedView, notificationView, userView, viewOfUser } from "./views.ts";

const put = operation({
  id: "putUser",
  method: "put",
  path: "/v1/users/{id}",
  tag: "Users",
  summary: "Store a user's profile, as a whole",
  description: "What is left out is emptied.",
  scope: "send",
  params: userParams,
  body: profileInput,
  status: 200,
  answer: userView,
  examples: { params: { id: examples.userId }, body: examples.profileInput, answer: examples.user },
  errors: [],
  async handle({ app, caller, params, body }) {
    const profile = profileOf(params.id, body);
    const faults = privateFaults(profile.webhookUrl, "#/webhook_url", {
      allowPrivate: app.config.webhookAllowPrivate,
    });
    if (faults.length > 0) throw validationError(faults);
    const projectId = caller.project_id;
    const nowMs = app.clock.now();
    await app.cache.writeThrough<KnownProfile>(
      profileKeyOf({ projectId, userId: params.id }),
      { profile, changedAt: nowMs },
      () => replaceUsers(app.db.orm, profileColumns([{ projectId, profile }], nowMs)),
      app.config.cachePreferencesTtlSeconds,
    );
    return { data: await userOf(app, projectId, params.id) };
  },
});

async function userOf(app: App, projectId: string, id: string) {
  const row = await getUser(app.db.orm, { projectId, id });
  if (row === undefined) throw userNotFound(id);
  return viewOfUser(row);
}

const userNotFound = (id: string) =>
  new ClientError("user_not_found", `No user ${id} is known in this key's project.`);

const read = operation({
  id: "getUser",
  method: "get",
  path: "/v1/users/{id}",
  tag: "Users",
  summary: "See a user's profile",
  scope: "read",
  params: userParams,
  status: 200,
  answer: userView,
  examples: { params: { id: examples.userId }, answer: examples.user },
  errors: ["user_not_found"],
  async handle({ app, caller, params }) {
    return { data: await userOf(app, caller.project_id, params.id) };
  },
});

const erase = operation({
  id: "eraseUser",
  method: "delete",
  path: "/v1/users/{id}",
  tag: "Users",
  summary: "Erase a user's personal data",
  description:
    "Erases the profile and the content of every notification, and cancels what was not sent, in the archive as well. Ids, times and states stay, as the record of what happened. An answer other than 200 may have erased a part: repeat it.",
  scope: "admin",
  params: userParams,
  status: 200,
  answer: erasedView,
  examples: { params: { id: examples.userId }, answer: examples.erased },
  errors: ["user_not_found", "archive_unavailable"],
  async handle({ app, caller, params }) {
    const who = { projectId: caller.project_id, id: params.id };
    // First: while the archive does not answer, nothing is erased and nothing is said to be.
    const archivedBefore = await eraseArchived(app, who);
    const { ids: emptied, ...erased } = await app.db.transaction(async (tx) => {
      await lockNotificationsOfUser(tx, who);
      const [counts] = await eraseUser(tx, { ...who, now: iso(app.clock.now()) });
      const ids = (await openNotificationIdsOf(tx, who)).map(({ id }) => id).sort();
      await closeNotifications(tx, { ids, first: ids[0] ?? noId, last: ids.at(-1) ?? noId });
      if (counts === undefined) throw new Error("an erasure gave no counts");
      return counts;
    });
    await forgetDetails(app, who.projectId, emptied === "" ? [] : emptied.split(","));
    await forgetProfiles(app, [{ projectId: who.projectId, userId: who.id }]);
    // Once more: what was on its way to the archive when its turn came in neither.
    const archived_notifications = archivedBefore + (await eraseArchived(app, who));
    const counts = { ...erased, archived_notifications };
    if (Object.values(counts).every((count) => count === 0)) throw userNotFound(who.id);
    return { data: { id: who.id, erased: counts } };
  },
});

/** Gives how many there were. */
async function eraseArchived(
  app: App,
  { projectId, id }: { projectId: string; id: string },
): Promise<number> {
  const ids = await fromArchive(app, [], (archive) => archive.erase({ projectId, userId: id }));
  await forgetDetails(app, projectId, ids);
  return ids.length;
}

const noId = "00000000-0000-0000-0000-000000000000";

const listOfUser = operation({
  id: "listNotificationsOfUser",
  method: "get",
  path: "/v1/users/{id}/notifications",
  tag: "Users",
  summary: "List a user's notifications, newest first",
  description: "What was archived is not listed; it is still found by its id.",
  scope: "read",
  params: userParams,
  query: z.strictObject({ ...listQuery, ...notificationFilters }),
  status: 200,
  answer: z.array(notificationView),
  list: true,
  examples: { params: { id: examples.userId }, answer: [examples.sent] },
  errors: [],
  handle: ({ app, caller, params, query }) => replyWithList(app, caller, params.id, query),
});

export const userOperations = [put, read, erase, listOfUser];
