import { z } from "zod";
import { isId } from "../../db/id.ts";
import { countInbox, listInbox, markInbox, markInboxItem } from "../../db/queries/inbox.ts";
import { ClientError } from "../errors.ts";
import { iso } from "../pipeline/time.ts";
import { pageFrom, pageReply } from "./cursor.ts";
import { forgetDetails } from "./detail.ts";
import * as examples from "./examples.ts";
import { operation } from "./operation.ts";
import { inboxItemParams, listQuery, markAllInput, marksInput, userParams } from "./schemas.ts";
import { inboxItemView, viewOfInboxItem } from "./views.ts";

const flagParameter = z.enum(["true", "false"]).default("false");

const list = operation({
  id: "listInbox",
  method: "get",
  path: "/v1/users/{id}/inbox",
  tag: "Inbox",
  summary: "List a user's inbox, newest first",
  description:
    "Where the service archives what is old (ARCHIVE_AFTER_DAYS), it leaves the inbox, marks included.",
  scope: "read",
  params: userParams,
  query: z.strictObject({
    ...listQuery,
    archived: flagParameter.meta({ description: "The archived items instead of the others" }),
    unread: flagParameter.meta({ description: "Only what was not read" }),
  }),
  status: 200,
  answer: z.array(inboxItemView),
  list: true,
  examples: { params: { id: examples.userId }, answer: [examples.inboxItem] },
  errors: [],
  async handle({ app, caller, params, query }) {
    const page = pageFrom(query, isId);
    const filter = {
      projectId: caller.project_id,
      userId: params.id,
      archived: query.archived === "true",
      unreadOnly: query.unread === "true",
    };
    const { rows, next, previous } = pageReply(
      await listInbox(app.db.replica, filter, page),
      page,
      ({ id }) => id,
    );
    return { data: rows.map(viewOfInboxItem), next, previous };
  },
});

const count = operation({
  id: "countInbox",
  method: "get",
  path: "/v1/users/{id}/inbox/count",
  tag: "Inbox",
  summary: "Count what is in a user's inbox and not archived",
  scope: "read",
  params: userParams,
  status: 200,
  answer: z.object({ total: z.int(), unseen: z.int(), unread: z.int() }).meta({ id: "InboxCount" }),
  examples: { params: { id: examples.userId }, answer: { total: 12, unseen: 1, unread: 3 } },
  errors: [],
  async handle({ app, caller, params }) {
    const [counts] = await countInbox(app.db.orm, { projectId: caller.project_id, userId: params.id });
    return { data: counts };
  },
});

const mark = operation({
  id: "markInboxItem",
  method: "patch",
  path: "/v1/users/{id}/inbox/{notification_id}",
  tag: "Inbox",
  summary: "Mark an item as seen, read or archived, or take a mark back",
  scope: "send",
  params: inboxItemParams,
  body: marksInput,
  status: 200,
  answer: inboxItemView,
  examples: {
    params: { id: examples.userId, notification_id: examples.notificationId },
    body: { read: true },
    answer: examples.inboxItem,
  },
  errors: ["notification_not_found"],
  async handle({ app, caller, params, body }) {
    const [item] = await markInboxItem(app.db.orm, {
      projectId: caller.project_id,
      userId: params.id,
      notificationId: params.notification_id,
      ...marksOf(body),
      now: iso(app.clock.now()),
    });
    if (item === undefined) {
      throw new ClientError(
        "notification_not_found",
        `No notification ${params.notification_id} is in the inbox of ${params.id}.`,
      );
    }
    await forgetDetails(app, caller.project_id, [item.id]);
    return { data: viewOfInboxItem(item) };
  },
});

const markAll = operation({
  id: "markInbox",
  method: "post",
  path: "/v1/users/{id}/inbox/mark-all",
  tag: "Inbox",
  summary: "Mark everything in an inbox as seen, read or archived",
  scope: "send",
  params: userParams,
  body: markAllInput,
  status: 200,
  answer: z.object({ marked: z.int() }).meta({ id: "InboxMarked" }),
  examples: { params: { id: examples.userId }, body: { seen: true }, answer: { marked: 3 } },
  errors: [],
  async handle({ app, caller, params, body }) {
    const marked = await markInbox(app.db.orm, {
      projectId: caller.project_id,
      userId: params.id,
      ...marksOf(body),
      now: iso(app.clock.now()),
    });
    await forgetDetails(
      app,
      caller.project_id,
      marked.map(({ notification_id }) => notification_id),
    );
    return { data: { marked: marked.length } };
  },
});

/** What was read was seen, and what was not seen was not read. */
function marksOf({
  seen,
  read,
  archived,
}: {
  seen?: boolean | undefined;
  read?: boolean | undefined;
  archived?: boolean | undefined;
}) {
  return {
    seen: read === true ? true : (seen ?? null),
    read: read ?? (seen === false ? false : null),
    archived: archived ?? null,
  };
}

export const inboxOperations = [list, count, mark, markAll];
