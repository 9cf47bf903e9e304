import { z } from "zod";
import { channels, defaultPriority, priorities } from "../channels/channel.ts";
import { deliveryStatuses, notificationStatuses } from "../pipeline/state.ts";
import {
  channel,
  cursor,
  deliveryId,
  jsonObject,
  metadataKey,
  metadataValueMax,
  oneLine,
  profileFields,
  time,
  upTo,
  userId,
  uuid,
} from "./fields.ts";
import { scopes } from "./operation.ts";

/** What the API takes. Every schema here is also its own documentation. */

export const bulkMax = 1000;
const metadataMaxKeys = 50;

const optionalFields = Object.fromEntries(
  Object.entries(profileFields).map(([name, schema]) => [name, schema.nullish()]),
) as { [Name in keyof typeof profileFields]: z.ZodOptional<z.ZodNullable<(typeof profileFields)[Name]>> };

export const profileInput = z.strictObject(optionalFields).meta({ id: "UserInput" });

export const recipient = z.strictObject({ user_id: userId, ...optionalFields }).meta({
  id: "Recipient",
  description: "A user with what is known of them. What is given is stored in the user's profile.",
});

export const notificationInput = z
  .strictObject({
    to: z.union([userId, recipient]).meta({ description: "Who gets it: a user's id, or a user" }),
    title: oneLine(500).meta({ description: "One line; the subject of an email" }),
    body: upTo(65_536).min(1, "must not be empty").meta({ description: "Plain text" }),
    channels: z
      .array(channel)
      .min(1, "must name at least one channel")
      .max(channels.length)
      .optional()
      .meta({ description: "Left out: every channel the user has an address for" }),
    priority: z.enum(priorities).default(defaultPriority),
    data: jsonObject.optional().meta({ description: "Anything your own clients need; passed on as it is" }),
    metadata: z
      .record(metadataKey, z.union([upTo(metadataValueMax), z.number(), z.boolean()]))
      .refine(
        (metadata) => Object.keys(metadata).length <= metadataMaxKeys,
        `has more than ${metadataMaxKeys} keys`,
      )
      .meta({ maxProperties: metadataMaxKeys })
      .optional()
      .meta({ description: "Labels to find it by: GET /v1/notifications?metadata.order=42" }),
    send_at: time
      .optional()
      .meta({ description: "When to send it, up to a year ahead; in the past means now" }),
    expires_at: time.optional().meta({ description: "After this it is skipped rather than sent late" }),
  })
  .meta({ id: "NotificationInput" });

export type NotificationInput = z.output<typeof notificationInput>;

/** The items are checked one by one, so that a bad one does not fail its neighbours. */
export const bulkInput = z
  .strictObject({
    notifications: z
      .array(
        // Anything is taken: what is not a NotificationInput gets its error in the answer.
        z.unknown().meta({ anyOf: [{ $ref: "#/components/schemas/NotificationInput" }, {}] }),
      )
      .min(1, "must hold at least one notification")
      .max(bulkMax, `must hold at most ${bulkMax} notifications`),
  })
  .meta({ id: "BulkInput" });

export const listQuery = {
  limit: z
    .preprocess(
      (given) => (typeof given === "string" && /^[0-9]{1,9}$/.test(given) ? Number(given) : given),
      z.int().min(1).max(100).default(50),
    )
    .meta({ description: "Items a page" }),
  after: cursor.meta({ description: "The `next` of an earlier page" }).optional(),
  before: cursor.meta({ description: "The `previous` of an earlier page" }).optional(),
};

export const notificationStatus = z.enum(notificationStatuses);
export const deliveryStatus = z.enum(deliveryStatuses);

export const deliveryParams = z.strictObject({ id: deliveryId });
export const idParams = z.strictObject({ id: uuid });
export const userParams = z.strictObject({ id: userId });
export const inboxItemParams = z.strictObject({ id: userId, notification_id: uuid });

/** The labels of a list's query, `metadata.<key>=<value>`, as the server gathers them. */
export const metadataFilter = z
  .record(metadataKey, upTo(metadataValueMax))
  .optional()
  .meta({ description: "Labels to filter by, each as `metadata.<key>=<value>`" });

export const marksInput = z
  .strictObject({
    seen: z.boolean().optional(),
    read: z.boolean().optional(),
    archived: z.boolean().optional(),
  })
  .refine(
    (marks) => Object.values(marks).some((mark) => mark !== undefined),
    "must set seen, read or archived",
  )
  .meta({ id: "InboxMarks", minProperties: 1 });

export const markAllInput = z
  .strictObject({
    seen: z.literal(true).optional(),
    read: z.literal(true).optional(),
    archived: z.literal(true).optional(),
  })
  .refine(
    (marks) => Object.values(marks).some((mark) => mark !== undefined),
    "must set seen, read or archived",
  )
  .meta({ id: "InboxMarkAll", minProperties: 1 });

export const scopesSchema = z.array(z.enum(scopes)).min(1).max(scopes.length);

export const keyInput = z
  .strictObject({
    name: oneLine(100),
    kind: z.enum(["live", "test"]).default("live"),
    scopes: scopesSchema,
  })
  .meta({ id: "KeyInput" });
