import { z } from "zod";
import { isId } from "../../db/id.ts";
import { channels, priorities } from "../channels/channel.ts";
import { emailAddressFault } from "../channels/email.ts";
import { webhookUrlFault, webhookUrlMaxChars } from "../channels/webhook-address.ts";
import { deliveryStatuses, notificationStatuses } from "../pipeline/state.ts";
import { scopes } from "./operation.ts";

/** What the API takes. Every schema here is also its own documentation. */

/** A check that finds its own words: `fault` gives a sentence, or null where all is well. */
const checked = (schema: z.ZodString, fault: (text: string) => string | null) =>
  schema.superRefine((text, context) => {
    const found = fault(text);
    if (found !== null) context.addIssue({ code: "custom", message: found });
  });

export const bulkMax = 1000;
const metadataMaxKeys = 50;

export const userId = z
  .string()
  .regex(
    /^[!-\-/-~][!-~]{0,127}$/,
    "must be 1 to 128 printable ASCII characters without spaces, and not start with a dot",
  )
  .meta({ description: "Your own id of a user", examples: ["user_123"] });

export const uuid = z
  .string()
  .refine(isId, "is no id of ours: they are lowercase UUIDs")
  .meta({ format: "uuid", examples: ["019e1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b"] });

const oneLine = (max: number) =>
  z
    .string()
    .min(1, "must not be empty")
    .max(max, `must have at most ${max} characters`)
    .regex(/^[^\p{Cc}\u2028\u2029]*$/u, "must be one line without control characters");

/** IANA knows some 600 names; what was found valid once is not looked up again. */
const knownTimezones = new Set<string>();

function timezoneFault(name: string): string | null {
  if (knownTimezones.has(name)) return null;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    knownTimezones.add(name);
    return null;
  } catch {
    return `"${name}" is no time zone of the IANA database, such as Europe/Lisbon`;
  }
}

function localeFault(tag: string): string | null {
  try {
    Intl.getCanonicalLocales(tag);
    return null;
  } catch {
    return `"${tag}" is no language tag (BCP 47), such as pt-PT`;
  }
}

/** Whether it leads to a private address depends on a setting, and is asked where the setting is known. */
const webhookUrl = checked(z.string().max(webhookUrlMaxChars), (url) =>
  webhookUrlFault(url, { allowPrivate: true }),
).meta({ format: "uri", examples: ["https://example.com/hooks/carillon"] });

const profileFields = {
  email: checked(z.string().max(254), emailAddressFault).meta({
    format: "email",
    examples: ["ana@example.com"],
  }),
  phone: z
    .string()
    .regex(/^\+[1-9]\d{6,14}$/, "must be a number in E.164 form, such as +351912345678")
    .meta({ examples: ["+351912345678"] }),
  webhook_url: webhookUrl,
  name: oneLine(200).meta({ examples: ["Ana Sousa"] }),
  locale: checked(z.string().min(2).max(35), localeFault).meta({ examples: ["pt-PT"] }),
  timezone: checked(z.string().min(1).max(64), timezoneFault).meta({ examples: ["Europe/Lisbon"] }),
};

const optionalFields = Object.fromEntries(
  Object.entries(profileFields).map(([name, schema]) => [name, schema.nullish()]),
) as { [Name in keyof typeof profileFields]: z.ZodOptional<z.ZodNullable<(typeof profileFields)[Name]>> };

export const profileInput = z.strictObject(optionalFields).meta({ id: "UserInput" });

export const recipient = z.strictObject({ user_id: userId, ...optionalFields }).meta({
  id: "Recipient",
  description: "A user with what is known of them. What is given is stored in the user's profile.",
});

const channel = z.enum(channels);
const time = z.iso
  .datetime({ offset: true, error: "must be a time in RFC 3339 form, such as 2026-01-31T09:00:00Z" })
  .refine((text) => !Number.isNaN(Date.parse(text)), "is no time that exists");

export const notificationInput = z
  .strictObject({
    to: z.union([userId, recipient]).meta({ description: "Who gets it: a user's id, or a user" }),
    title: oneLine(500).meta({ description: "One line; the subject of an email" }),
    body: z.string().min(1, "must not be empty").max(65_536, "must have at most 65536 characters"),
    channels: z
      .array(channel)
      .min(1, "must name at least one channel")
      .max(channels.length)
      .optional()
      .meta({ description: "Left out: every channel the user has an address for" }),
    priority: z.enum(priorities).default("normal"),
    data: z
      .record(z.string(), z.json())
      .optional()
      .meta({ description: "Anything your own clients need; passed on as it is" }),
    metadata: z
      .record(
        z.string().regex(/^[\w.-]{1,64}$/, "has a key that is not 1 to 64 letters, digits, _, . or -"),
        z.union([z.string().max(500), z.number(), z.boolean()]),
      )
      .refine(
        (metadata) => Object.keys(metadata).length <= metadataMaxKeys,
        `has more than ${metadataMaxKeys} keys`,
      )
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
      .array(z.unknown().meta({ description: "A NotificationInput" }))
      .min(1, "must hold at least one notification")
      .max(bulkMax, `must hold at most ${bulkMax} notifications`),
  })
  .meta({ id: "BulkInput" });

export const listQuery = {
  limit: z.coerce.number().int().min(1).max(100).default(50).meta({ description: "Items a page" }),
  after: z.string().min(1).max(200).optional().meta({ description: "The `next` of an earlier page" }),
  before: z.string().min(1).max(200).optional().meta({ description: "The `previous` of an earlier page" }),
};

export const notificationStatus = z.enum(notificationStatuses);
export const deliveryStatus = z.enum(deliveryStatuses);
export { channel, time };

export const idParams = z.strictObject({ id: uuid });
export const userParams = z.strictObject({ id: userId });
export const inboxItemParams = z.strictObject({ id: userId, notification_id: uuid });

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
