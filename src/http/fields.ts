import { z } from "zod";
import { isId, parseDeliveryId } from "../../db/id.ts";
import { channels, userIdPattern } from "../channels/channel.ts";
import { emailAddressFault } from "../channels/email.ts";
import { webhookUrlFault, webhookUrlMaxChars } from "../channels/webhook-address.ts";

/** The fields that the API takes, each with its own words for what is wrong, and its own documentation. */

/** A check that finds its own words: `fault` gives a sentence, or null where all is well. */
const checked = (schema: z.ZodString, fault: (text: string) => string | null) =>
  schema.superRefine((text, context) => {
    const found = fault(text);
    if (found !== null) context.addIssue({ code: "custom", message: found });
  });

const uuidPattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
const phonePattern = "^\\+[1-9][0-9]{6,14}$";
const httpPattern = "^[Hh][Tt][Tt][Pp][Ss]?://";
/** Any text but NUL, which PostgreSQL cannot store. */
const storablePattern = "^[^\\u0000]*$";
const oneLinePattern = "^[^\\u0000-\\u001F\\u007F-\\u009F\\u2028\\u2029]*$";
const metadataKeyPattern = "^[A-Za-z0-9_.-]{1,64}$";
const cursorPattern = "^[A-Za-z0-9_-]{1,200}$";
/** Beyond these years PostgreSQL and JavaScript no longer write a time alike. */
const timePattern = "^(19[7-9]|2[0-9]{2})[0-9]-";

/** The patterns in the description, in words for people. */
export const patternWords: Record<string, string> = {
  [userIdPattern]: "1 to 128 printable ASCII characters without spaces, not starting with a dot",
  [uuidPattern]: "a UUID in lowercase",
  [phonePattern]: "E.164, such as +351912345678",
  [httpPattern]: "http or https",
  [storablePattern]: "",
  [oneLinePattern]: "one line",
  [metadataKeyPattern]: "1 to 64 letters, digits, _, . or -",
  [cursorPattern]: "opaque",
  [timePattern]: "1970 to 2999",
};

export const userId = z
  .string()
  .regex(
    new RegExp(userIdPattern),
    "must be 1 to 128 printable ASCII characters without spaces, and not start with a dot",
  )
  .meta({ description: "Your own id of a user", examples: ["user_123"] });

export const uuid = z
  .string()
  .refine(isId, "is no id of ours: they are lowercase UUIDs")
  .meta({ format: "uuid", pattern: uuidPattern, examples: ["019e1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b"] });

export const deliveryId = z
  .string()
  .refine(isDeliveryId, "is no id of a delivery: they are a notification's id, a hyphen and the channel")
  .meta({
    description: "The notification's id, a hyphen and the channel",
    pattern: uuidPattern.replace("$", `-(${channels.join("|")})$`),
    examples: ["019e1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b-email"],
  });

export function isDeliveryId(text: string): boolean {
  const found = parseDeliveryId(text);
  return found !== null && channels.some((known) => known === found.channel);
}

/** At most so many characters, as JSON Schema counts them: code points, where JavaScript counts UTF-16 units. */
export const upTo = (max: number) =>
  z
    .string()
    .refine(
      (text) => text.length <= max || (text.length <= 2 * max && [...text].length <= max),
      `must have at most ${max} characters`,
    )
    .meta({ maxLength: max, pattern: storablePattern });

export const oneLine = (max: number) =>
  upTo(max)
    .min(1, "must not be empty")
    .regex(/^[^\p{Cc}\u2028\u2029]*$/u, "must be one line without control characters")
    // The same, without a class of characters that not every reader of a pattern knows.
    .meta({ pattern: oneLinePattern });

/** What was found valid once is not looked up again. IANA knows some 600 names; each can be spelt in many cases. */
const knownTimezones = new Set<string>();
const knownTimezonesMax = 1000;

function timezoneFault(name: string): string | null {
  if (knownTimezones.has(name)) return null;
  const fault = "is no time zone of the IANA database, such as Europe/Lisbon";
  // An offset such as +01:00 is none: it knows no summer time.
  if (!/^[A-Za-z]/.test(name)) return fault;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
  } catch {
    return fault;
  }
  if (knownTimezones.size < knownTimezonesMax) knownTimezones.add(name);
  return null;
}

function localeFault(tag: string): string | null {
  try {
    Intl.getCanonicalLocales(tag);
    return null;
  } catch {
    return "is no language tag (BCP 47), such as pt-PT";
  }
}

/** Whether it leads to a private address depends on a setting, and is asked where the setting is known. */
const webhookUrl = checked(z.string().max(webhookUrlMaxChars), (url) =>
  webhookUrlFault(url, { allowPrivate: true }),
).meta({
  format: "uri",
  pattern: httpPattern,
  examples: ["https://example.com/hooks/carillon"],
});

export const profileFields = {
  email: checked(z.string().max(254), emailAddressFault).meta({
    format: "idn-email",
    examples: ["ana@example.com"],
  }),
  phone: z
    .string()
    .regex(new RegExp(phonePattern), "must be a number in E.164 form, such as +351912345678")
    .meta({ examples: ["+351912345678"] }),
  webhook_url: webhookUrl,
  name: oneLine(200).meta({ examples: ["Ana Sousa"] }),
  locale: checked(z.string().max(35), localeFault).meta({
    description: "A language tag (BCP 47)",
    format: "language-tag",
    examples: ["pt-PT"],
  }),
  timezone: checked(z.string().max(64), timezoneFault).meta({
    description: "A name of the IANA time zone database",
    format: "iana-timezone",
    examples: ["Europe/Lisbon"],
  }),
};

export const channel = z.enum(channels);

const rfc3339 = z.iso.datetime({ offset: true });
const timeYears = new RegExp(timePattern);

function timeFault(text: string): string | null {
  if (!rfc3339.safeParse(text).success)
    return "must be a time in RFC 3339 form, such as 2026-01-31T09:00:00Z";
  return timeYears.test(text) ? null : "must be a time between the years 1970 and 2999";
}

export const time = checked(z.string(), timeFault).meta({
  format: "date-time",
  pattern: timePattern,
  examples: ["2026-01-31T09:00:00Z"],
});

/** Any JSON, described with the one thing that cannot be stored: NUL. It was looked through as it was read. */
const json = z.unknown().meta({
  id: "Json",
  anyOf: [
    { type: ["number", "boolean", "null"] },
    { type: "string", pattern: storablePattern },
    { type: "array", items: { $ref: "#/components/schemas/Json" } },
    { $ref: "#/components/schemas/JsonObject" },
  ],
});

export const jsonObject = z.record(z.string(), json).meta({
  id: "JsonObject",
  propertyNames: { pattern: storablePattern, not: { const: "__proto__" } },
});

export const metadataKey = z
  .string()
  .regex(new RegExp(metadataKeyPattern), "has a key that is not 1 to 64 letters, digits, _, . or -");

export const metadataValueMax = 500;

export const cursor = z
  .string()
  .regex(new RegExp(cursorPattern), "is no cursor of ours: use the `next` or `previous` of a page")
  .meta({ format: "cursor" });
