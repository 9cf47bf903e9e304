import { z } from "zod";
import { deliveryIdOf, idTimeMs } from "../../db/id.ts";
import type { DeliveryRow } from "../../db/queries/deliveries.ts";
import type { InboxRow } from "../../db/queries/inbox.ts";
import type { KeyRow } from "../../db/queries/keys.ts";
import type { ShownNotification } from "../../db/queries/notifications.ts";
import type { AttemptRow, Timeline } from "../../db/queries/timelines.ts";
import type { UserRow } from "../../db/queries/users.ts";
import { priorities } from "../channels/channel.ts";
import { catalogue, type ErrorCode } from "../errors.ts";
import type { NewNotification } from "../pipeline/accept.ts";
import { type Reason, reasons } from "../pipeline/state.ts";
import { iso } from "../pipeline/time.ts";
import { channel, deliveryId, jsonObject, userId, uuid } from "./fields.ts";
import { deliveryStatus, notificationStatus, scopesSchema } from "./schemas.ts";

/** What the API answers: for each thing its schema, and the function that makes it of a row. */

const time = z.iso.datetime().meta({ pattern: undefined });
const data = jsonObject.nullable();
const metadata = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).nullable();
const priority = z.enum(priorities);
const reason = z
  .string()
  .nullable()
  .meta({ description: `Why: ${Object.keys(reasons).join(", ")}` });
const reasonDetail = z.string().nullable().meta({ description: "The reason, in a sentence" });

/** A notification as it is accepted: without what the caller just sent, which is not kept a second time. */
export const acceptedView = z
  .object({
    id: uuid,
    user_id: userId,
    status: notificationStatus,
    priority,
    channels: z
      .array(channel)
      .nullable()
      .meta({ description: "As asked for; null: every channel the user has an address for" }),
    created_at: time,
    send_at: time.nullable(),
    expires_at: time.nullable(),
  })
  .meta({ id: "AcceptedNotification" });

export const notificationView = acceptedView
  .extend({ reason, title: z.string(), body: z.string(), data, metadata })
  .meta({ id: "Notification" });

/** The problem of one item of a list. */
export const itemProblemView = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(Object.keys(catalogue) as [ErrorCode, ...ErrorCode[]]),
    errors: z
      .array(
        z.object({
          pointer: z.string().optional(),
          parameter: z.string().optional(),
          detail: z.string(),
        }),
      )
      .optional(),
  })
  .meta({ id: "ItemProblem" });

export const attemptView = z
  .object({
    at: time,
    provider: z.string(),
    outcome: z.enum(["sent", "retry", "failed", "ambiguous"]),
    answer: z.string().meta({ description: "What the provider said" }),
  })
  .meta({ id: "Attempt" });

export const deliveryView = z
  .object({
    id: deliveryId,
    notification_id: uuid,
    user_id: userId,
    channel,
    status: deliveryStatus,
    reason,
    reason_detail: reasonDetail,
    updated_at: time,
    seen_at: time.nullable(),
    read_at: time.nullable(),
    archived_at: time.nullable(),
    attempts: z.array(attemptView),
  })
  .meta({ id: "Delivery" });

export const notificationDetailView = notificationView
  .extend({ reason_detail: reasonDetail, deliveries: z.array(deliveryView) })
  .meta({ id: "NotificationDetail" });

export const userView = z
  .object({
    id: userId,
    email: z.string().nullable(),
    phone: z.string().nullable(),
    webhook_url: z.string().nullable(),
    name: z.string().nullable(),
    locale: z.string().nullable(),
    timezone: z.string().nullable(),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: "User" });

export const erasedView = z
  .object({
    id: userId,
    erased: z.object({
      profiles: z.int(),
      notifications: z.int().meta({ description: "Whose title, body, data and metadata were emptied" }),
      deliveries_cancelled: z.int(),
      attempt_answers: z.int(),
      sandbox_messages: z.int(),
      archived_notifications: z
        .int()
        .meta({ description: "Emptied in the archive, with what providers answered" }),
    }),
  })
  .meta({ id: "Erased" });

export const inboxItemView = z
  .object({
    id: uuid,
    title: z.string(),
    body: z.string(),
    priority,
    data,
    metadata,
    created_at: time,
    seen_at: time.nullable(),
    read_at: time.nullable(),
    archived_at: time.nullable(),
  })
  .meta({ id: "InboxItem" });

export const keyView = z
  .object({
    id: uuid,
    name: z.string(),
    project: z.string(),
    kind: z.enum(["live", "test"]),
    scopes: scopesSchema,
    hint: z.string().meta({ description: "The last four characters of the secret" }),
    created_at: time,
    revoked: z.boolean(),
  })
  .meta({ id: "Key" });

const isoOf = (date: Date | null) => date?.toISOString() ?? null;
const detailOf = (name: string | null) => (name === null ? null : (reasons[name as Reason] ?? name));
const createdAt = (id: string) => iso(idTimeMs(id));

export function viewOfAccepted(accepted: NewNotification): z.input<typeof acceptedView> {
  const { id, userId: user_id, status, priority, channels, sendAtMs, expiresAtMs } = accepted;
  return {
    id,
    user_id,
    status,
    priority,
    channels,
    created_at: createdAt(id),
    send_at: sendAtMs === null ? null : iso(sendAtMs),
    expires_at: expiresAtMs === null ? null : iso(expiresAtMs),
  };
}

export function viewOfNotification(row: ShownNotification) {
  return {
    id: row.id,
    user_id: row.userId,
    status: row.status,
    reason: row.reason,
    priority: row.priority,
    channels: row.channels?.split(",") ?? null,
    title: row.title,
    body: row.body,
    data: row.data,
    metadata: row.metadata,
    created_at: createdAt(row.id),
    send_at: isoOf(row.sendAt),
    expires_at: isoOf(row.expiresAt),
  };
}

export function viewOfNotificationDetail(row: ShownNotification, timeline: Timeline) {
  return {
    ...viewOfNotification(row),
    reason_detail: detailOf(row.reason),
    deliveries: viewOfDeliveries(timeline),
  };
}

export function viewOfDeliveries({ deliveries, attempts }: Timeline) {
  return deliveries.map((delivery) =>
    viewOfDelivery(
      delivery,
      attempts.filter(
        ({ notificationId, channel }) =>
          notificationId === delivery.notificationId && channel === delivery.channel,
      ),
    ),
  );
}

function viewOfDelivery(row: DeliveryRow, attempts: AttemptRow[]) {
  return {
    id: deliveryIdOf(row.notificationId, row.channel),
    notification_id: row.notificationId,
    user_id: row.userId,
    channel: row.channel,
    status: row.status,
    reason: row.reason,
    reason_detail: detailOf(row.reason),
    updated_at: row.updatedAt.toISOString(),
    seen_at: isoOf(row.seenAt),
    read_at: isoOf(row.readAt),
    archived_at: isoOf(row.archivedAt),
    attempts: isStored(row)
      ? [
          {
            at: row.updatedAt.toISOString(),
            provider: "inbox",
            outcome: "sent",
            answer: "stored in the inbox",
          },
        ]
      : attempts.map(({ at, provider, outcome, answer }) => ({
          at: at.toISOString(),
          provider,
          outcome,
          answer,
        })),
  };
}

/** The inbox has no provider: the row's own insert was its one attempt, and needs no second row to say so. */
const isStored = (row: DeliveryRow) => row.channel === "inbox" && row.status === "sent";

export function viewOfUser(row: UserRow) {
  const { id, email, phone, webhookUrl, name, locale, timezone, createdAt, updatedAt } = row;
  return {
    id,
    email,
    phone,
    webhook_url: webhookUrl,
    name,
    locale,
    timezone,
    created_at: createdAt.toISOString(),
    updated_at: updatedAt.toISOString(),
  };
}

export function viewOfInboxItem(row: InboxRow) {
  return { ...row, created_at: createdAt(row.id) };
}

export function viewOfKey({ id, name, project, kind, scopes, hint, revoked }: Omit<KeyRow, "project_id">) {
  return { id, name, project, kind, scopes, hint, created_at: createdAt(id), revoked };
}
