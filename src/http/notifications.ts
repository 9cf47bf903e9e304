import { z } from "zod";
import { isId } from "../../db/id.ts";
import {
  cancelNotification,
  closeNotifications,
  listNotifications,
  lockNotifications,
} from "../../db/queries/notifications.ts";
import type { App } from "../app.ts";
import { ClientError, problemOf } from "../errors.ts";
import type { IdempotentRequest, NewNotification, Receipt } from "../pipeline/accept.ts";
import { iso } from "../pipeline/time.ts";
import type { RequestFacts } from "../telemetry-wide.ts";
import type { TraceContext } from "../trace-context.ts";
import { requireStorable } from "./body.ts";
import { type PageQuery, pageFrom, pageReply } from "./cursor.ts";
import { detailOf, forgetDetails } from "./detail.ts";
import * as examples from "./examples.ts";
import { userId, uuid } from "./fields.ts";
import { newNotification } from "./intake.ts";
import { type FilterQuery, filterFrom, notificationFilters } from "./notification-filters.ts";
import { type Call, operation, type Reply } from "./operation.ts";
import { faultsOf, validationError } from "./problem.ts";
import { replayOf } from "./reply.ts";
import { bulkInput, idParams, listQuery, notificationInput, notificationStatus } from "./schemas.ts";
import {
  acceptedView,
  itemProblemView,
  notificationDetailView,
  notificationView,
  viewOfAccepted,
  viewOfNotification,
} from "./views.ts";

const create = operation({
  id: "createNotification",
  method: "post",
  path: "/v1/notifications",
  tag: "Notifications",
  summary: "Send a notification",
  description:
    'Answered after it is committed: from then on it is delivered, or ends with a reason. What is for the inbox alone (`channels: ["inbox"]`) is in it by then, and its status is `sent`; a list that is read from a replica may show it a moment later. With an Idempotency-Key, repeating the request gives the same answer and sends nothing again.',
  scope: "send",
  body: notificationInput,
  idempotent: true,
  traced: true,
  status: 202,
  answer: acceptedView,
  examples: { body: examples.notificationInput, answer: examples.accepted },
  errors: [],
  async handle({ app, caller, body, idempotency, facts }) {
    const notification = newNotification(body, { ...intakeOptions(app, caller, facts.trace), pointer: "#" });
    const reply = { data: viewOfAccepted(notification) };
    return submit({ app, caller, idempotency, facts }, [notification], reply);
  },
});

const bulkItem = z.union([
  z.object({ id: uuid, status: notificationStatus }),
  z.object({ error: itemProblemView }),
]);

const createBulk = operation({
  id: "createNotifications",
  method: "post",
  path: "/v1/notifications/bulk",
  tag: "Notifications",
  summary: "Send up to 1,000 notifications",
  description:
    "Answers in the same order, each with its status, as a single one would be. An item that is not valid gets an error; its neighbours are sent.",
  scope: "send",
  body: bulkInput,
  bulk: true,
  idempotent: true,
  traced: true,
  status: 202,
  answer: z.array(bulkItem).meta({ id: "BulkAnswer" }),
  examples: { body: { notifications: [examples.notificationInput] }, answer: examples.bulkAnswer },
  errors: [],
  async handle({ app, caller, body, idempotency, facts }) {
    const options = intakeOptions(app, caller, facts.trace);
    const items = body.notifications.map((item, index) =>
      readItem(item, `#/notifications/${index}`, options),
    );
    const data = items.map((item) =>
      item instanceof ClientError ? { error: problemOf(item) } : { id: item.id, status: item.status },
    );
    const valid = items.filter((item) => !(item instanceof ClientError));
    return submit({ app, caller, idempotency, facts }, valid, { data });
  },
});

type IntakeOptions = Omit<Parameters<typeof newNotification>[1], "pointer">;

function readItem(item: unknown, pointer: string, options: IntakeOptions): NewNotification | ClientError {
  try {
    requireStorable(item, pointer);
    const parsed = notificationInput.safeParse(item);
    if (!parsed.success) return validationError(faultsOf(parsed.error, { in: "body", pointer }));
    return newNotification(parsed.data, { ...options, pointer });
  } catch (error) {
    if (error instanceof ClientError) return error;
    throw error;
  }
}

const intakeOptions = (
  app: App,
  { project_id, test }: { project_id: string; test: boolean },
  trace: TraceContext | null,
): IntakeOptions => ({
  projectId: project_id,
  test,
  allowPrivate: app.config.webhookAllowPrivate,
  nowMs: app.clock.now(),
  trace,
});

/** Stores what is valid and answers, or gives the answer of the earlier request with the same key. */
async function submit(
  {
    app,
    caller,
    idempotency,
    facts,
  }: Pick<Call<never, never, never>, "app" | "caller" | "idempotency" | "facts">,
  notifications: NewNotification[],
  reply: { data: unknown },
): Promise<Reply> {
  if (idempotency === null) {
    if (notifications.length === 0) return reply;
    const receipt = await app.accept.submit({ notifications, idempotency: null });
    noteAccepted(facts, notifications);
    return withoutRefused(reply, receipt);
  }
  const { key, requestHash, recalled } = idempotency;
  const request: IdempotentRequest = {
    key,
    requestHash,
    projectId: caller.project_id,
    response: JSON.stringify(reply),
  };
  const { earlier } = await app.accept.submit({ notifications, idempotency: request }, recalled);
  if (earlier === null) {
    noteAccepted(facts, notifications);
    return reply;
  }
  if (earlier.requestHash !== requestHash) {
    throw new ClientError(
      "idempotency_mismatch",
      "The first request with this Idempotency-Key had another body. Use a new key for a new request.",
    );
  }
  return replayOf(earlier);
}

function noteAccepted(facts: RequestFacts, notifications: NewNotification[]): void {
  const [first] = notifications;
  if (first === undefined) return;
  facts.notificationId = first.id;
  facts.notifications = notifications.length;
}

/** What only the database found bad is said at its place in the answer. */
function withoutRefused(reply: { data: unknown }, { refused }: Receipt): Reply {
  if (refused.size === 0 || !Array.isArray(reply.data)) return reply;
  const error = problemOf(
    new ClientError("internal_error", "This one could not be stored. The others were."),
  );
  return { data: reply.data.map((item: { id?: string }) => (refused.has(item.id ?? "") ? { error } : item)) };
}

const read = operation({
  id: "getNotification",
  method: "get",
  path: "/v1/notifications/{id}",
  tag: "Notifications",
  summary: "See a notification with its deliveries, attempts and reasons",
  description: "What was archived is shown as well, as it was when it left the database.",
  scope: "read",
  params: idParams,
  status: 200,
  answer: notificationDetailView,
  examples: { params: { id: examples.notificationId }, answer: examples.detail },
  errors: ["notification_not_found", "archive_unavailable"],
  async handle({ app, caller, params }) {
    return { data: (await detailOf(app, caller.project_id, params.id)).data };
  },
});

const list = operation({
  id: "listNotifications",
  method: "get",
  path: "/v1/notifications",
  tag: "Notifications",
  summary: "List notifications, newest first",
  description: "What was archived is not listed; it is still found by its id.",
  scope: "read",
  query: z.strictObject({ ...listQuery, ...notificationFilters, user_id: userId.optional() }),
  status: 200,
  answer: z.array(notificationView),
  list: true,
  examples: { answer: [examples.sent] },
  errors: [],
  handle: ({ app, caller, query }) => replyWithList(app, caller, query.user_id, query),
});

export async function replyWithList(
  app: App,
  caller: { project_id: string },
  userId: string | undefined,
  query: PageQuery & FilterQuery,
): Promise<Reply> {
  const page = pageFrom(query, isId);
  const { rows, next, previous } = pageReply(
    await listNotifications(app.db.replica, filterFrom(caller, userId, query), page),
    page,
    ({ id }) => id,
  );
  return { data: rows.map(viewOfNotification), next, previous };
}

const cancel = operation({
  id: "cancelNotification",
  method: "post",
  path: "/v1/notifications/{id}/cancel",
  tag: "Notifications",
  summary: "Take back what was not sent yet",
  scope: "send",
  params: idParams,
  status: 200,
  answer: notificationDetailView,
  examples: { params: { id: examples.notificationId }, answer: examples.cancelled },
  errors: ["notification_not_found", "not_cancellable", "archive_unavailable"],
  async handle({ app, caller, params }) {
    const bounds = { ids: [params.id], first: params.id, last: params.id };
    const stopped = await app.db.transaction(async (tx) => {
      await lockNotifications(tx, bounds);
      const rows = await cancelNotification(tx, {
        id: params.id,
        projectId: caller.project_id,
        reason: "cancelled",
        now: iso(app.clock.now()),
      });
      if (rows.length > 0) await closeNotifications(tx, bounds);
      return rows;
    });
    if (stopped.length > 0) await forgetDetails(app, caller.project_id, [params.id]);
    const { data, archived } = await detailOf(app, caller.project_id, params.id);
    if (stopped.length > 0) app.telemetry.notificationsClosed(data.status);
    if (stopped.length > 0 || data.status === "cancelled") return { data };
    throw new ClientError(
      "not_cancellable",
      `This notification is ${data.status}${archived ? " and archived" : ""}: nothing of it is waiting.`,
    );
  },
});

export const notificationOperations = [create, createBulk, read, list, cancel];
