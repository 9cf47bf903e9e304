import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { retryAfterMaxMs } from "../../src/channels/channel.ts";
import { retryAfterOf, webhookRequest, webhookSecretFault } from "../../src/channels/webhook.ts";
import { aMessage } from "./message.ts";

const secretOf = (bytes: number) => `whsec_${randomBytes(bytes).toString("base64")}`;

describe("a webhook request", () => {
  const secret = secretOf(32);
  const message = aMessage({ title: "Größe ✓", data: { a: [1, null, "✓"] }, metadata: { tag: "x" } });

  test("is verified by the public library, and tells exactly this", () => {
    const now = new Date();
    const { headers, body } = webhookRequest(message, { secret, now });

    expect(new Webhook(secret).verify(body, headers)).toEqual({
      type: "notification",
      timestamp: now.toISOString(),
      data: {
        id: message.notificationId,
        user_id: "ana",
        title: "Größe ✓",
        body: message.body,
        priority: "normal",
        data: { a: [1, null, "✓"] },
        metadata: { tag: "x" },
        created_at: "2026-03-01T12:00:00.000Z",
      },
    });
  });

  test("does not verify once a byte of its body, its id or its time is another", () => {
    const { headers, body } = webhookRequest(message, { secret, now: new Date() });
    const later = (Number(headers["webhook-timestamp"]) + 1).toString();
    const verify = (text: string, changed: Record<string, string>) => () =>
      new Webhook(secret).verify(text, { ...headers, ...changed });

    expect(verify(body, {})).not.toThrow();
    expect(verify(body.replace("ana", "eve"), {})).toThrow("No matching signature");
    expect(verify(body, { "webhook-id": "other" })).toThrow("No matching signature");
    expect(verify(body, { "webhook-timestamp": later })).toThrow("No matching signature");
  });

  test("keeps its id over attempts and takes a new time and signature", () => {
    const first = webhookRequest(message, { secret, now: new Date(1_000_000) }).headers;
    const second = webhookRequest(message, { secret, now: new Date(2_000_999) }).headers;

    expect([first["webhook-id"], second["webhook-id"]]).toEqual(Array(2).fill(message.deliveryId));
    expect([first["webhook-timestamp"], second["webhook-timestamp"]]).toEqual(["1000", "2000"]);
    expect(first["webhook-signature"]).not.toBe(second["webhook-signature"]);
  });
});

describe("a signing secret", () => {
  test.each([24, 32, 64])("of %d bytes has no fault", (bytes) => {
    expect(webhookSecretFault(secretOf(bytes))).toBeNull();
  });

  test.each([
    ["", "must start with"],
    [randomBytes(32).toString("base64"), "must start with"],
    ["whsec_", "this one holds 0"],
    [secretOf(23), "this one holds 23"],
    [secretOf(65), "this one holds 65"],
    [`${secretOf(32)} `, "must be base64"],
    ["whsec_not base64, although it is long enough to be", "must be base64"],
    [secretOf(32).replace("=", ""), "must be base64"],
  ])("%j is refused with a reason", (secret, why) => {
    expect(webhookSecretFault(secret)).toContain(why);
  });
});

describe("Retry-After", () => {
  const now = new Date("2026-03-01T12:00:00Z");

  test.each([
    [undefined, undefined],
    ["0", 0],
    ["120", 120_000],
    ["Sun, 01 Mar 2026 12:00:30 GMT", 30_000],
    ["Sun, 01 Mar 2026 11:00:00 GMT", 0],
    ["99999999999999999999", retryAfterMaxMs],
    ["Sun, 01 Mar 2076 12:00:00 GMT", retryAfterMaxMs],
    ["soon", undefined],
    ["-5s", undefined],
    ["", undefined],
  ])("of %j means %j milliseconds", (header, expected) => {
    expect(retryAfterOf(header, now)).toBe(expected);
  });
});
