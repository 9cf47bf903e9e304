/** Every way a field can be wrong, each with its own clear error. Those of the recipient: bad-recipient.test.ts. */
import { describe, expect, test } from "bun:test";
import { aNotification, expectFaults, httpForAll } from "./service.ts";

const service = httpForAll();

const send = (body: unknown) => service.call("POST /v1/notifications", { body });
const sendWith = (changes: Record<string, unknown>) => send(aNotification(changes));
const dayMs = 86_400_000;
const inDays = (days: number) => new Date(Date.now() + days * dayMs).toISOString();

describe("what is of another type", () => {
  test.each([
    ["#", 42, /must be of type object/],
    ["#", [], /must be of type object/],
    ["#", null, /must be of type object/],
    ["#/title", aNotification({ title: 7 }), /must be of type string/],
    ["#/body", aNotification({ body: ["x"] }), /must be of type string/],
    ["#/to", aNotification({ to: 7 }), /must be of type string or object/],
    ["#/to", aNotification({ to: undefined }), /is missing/],
    ["#/to/user_id", aNotification({ to: {} }), /is missing/],
    ["#/to/email", aNotification({ to: { user_id: "a", email: 7 } }), /must be of type string/],
    ["#/channels", aNotification({ channels: "email" }), /must be of type array/],
    ["#/data", aNotification({ data: [1] }), /must be of type object/],
    ["#/metadata", aNotification({ metadata: "x" }), /must be of type object/],
    ["#/metadata/a", aNotification({ metadata: { a: null } }), /must be of type string or number or boolean/],
    ["#/metadata/a", aNotification({ metadata: { a: {} } }), /must be of type string or number or boolean/],
    ["#/send_at", aNotification({ send_at: 1 }), /must be of type string/],
    ["#/title", aNotification({ title: undefined }), /is missing/],
  ])("at %s: %j", async (pointer, body, detail) => expectFaults(await send(body), { [pointer]: detail }));

  test("every fault of a body is named, not just the first", async () => {
    expectFaults(await send({ to: "", title: "", priority: "urgent", colour: 1 }), {
      "#/to": /1 to 128 printable/,
      "#/title": /must not be empty/,
      "#/body": /is missing/,
      "#/priority": /one of "critical", "high", "normal", "low"/,
      "#/colour": /not a field that is known/,
    });
  });
});

describe("what is not known", () => {
  test("a field", async () =>
    expectFaults(await sendWith({ Title: "x" }), { "#/Title": /not a field that is known/ }));
  test("a field of the recipient, its pointer escaped", async () =>
    expectFaults(await sendWith({ to: { user_id: "user_1", "e/mail~": "x" } }), {
      "#/to/e~1mail~0": /not a field that is known/,
    }));
  test("a channel", async () =>
    expectFaults(await sendWith({ channels: ["email", "fax"] }), {
      "#/channels/1": /one of "email", "sms", "push", "inbox", "webhook", "chat"/,
    }));
  test("a priority", async () =>
    expectFaults(await sendWith({ priority: "HIGH" }), { "#/priority": /one of/ }));
  test("no channel at all", async () =>
    expectFaults(await sendWith({ channels: [] }), { "#/channels": /at least one channel/ }));
});

describe("text", () => {
  test.each(["Hello\r\nBcc: eve@example.com", "Hello\n", "a\tb", "a\u2029b"])(
    "a title of two lines: %j",
    async (title) => expectFaults(await sendWith({ title }), { "#/title": /one line/ }),
  );

  test.each([
    ["#/title", aNotification({ title: "a\0" })],
    ["#/body", aNotification({ body: "a\0" })],
    ["#/data/a/0", aNotification({ data: { a: ["\0"] } })],
    ["#/metadata/a", aNotification({ metadata: { a: "\0" } })],
    ["#/to/name", aNotification({ to: { user_id: "a", name: "\0" } })],
  ])("a NUL at %s", async (pointer, body) => expectFaults(await send(body), { [pointer]: /NUL/ }));

  test("a NUL in a key", async () =>
    expectFaults(await sendWith({ data: { "a\0b": 1 } }), { "#/data": /key.*NUL/ }));

  test.each(["\\ud800", "\\udc00 x", "x\\ud83d"])("half of a surrogate pair: %s", async (half) => {
    expectFaults(await send(`{"to": "user_1", "title": "t", "body": "${half}"}`), { "#/body": /surrogate/ });
    expectFaults(await send(`{"to": "user_1", "title": "t", "body": "b", "data": {"${half}": 1}}`), {
      "#/data": /key.*surrogate/,
    });
  });

  test("a number that no double holds", async () =>
    expectFaults(await send('{"to": "user_1", "title": "t", "body": "b", "data": {"n": 1e400}}'), {
      "#/data/n": /too large/,
    }));
});

describe("keys that objects have by themselves", () => {
  test.each(["data", "metadata"])("__proto__ in %s is refused by name", async (field) =>
    expectFaults(
      await send(`{"to": "user_1", "title": "t", "body": "b", "${field}": {"__proto__": {"admin": true}}}`),
      {
        [`#/${field}`]: /__proto__/,
      },
    ),
  );

  test("__proto__ as a field, and deep in data", async () => {
    expectFaults(await send('{"__proto__": {"title": "x"}, "to": "user_1", "body": "b"}'), {
      "#": /__proto__/,
    });
    expectFaults(
      await send('{"to": "user_1", "title": "t", "body": "b", "data": {"a": [{"__proto__": 1}]}}'),
      {
        "#/data/a/0": /__proto__/,
      },
    );
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
  });

  test("constructor, prototype and toString survive", async () => {
    const data = { constructor: { prototype: { x: 1 } }, toString: "a", hasOwnProperty: null };
    const metadata = { constructor: "c", valueOf: 1, prototype: true };
    const { data: accepted } = await sendWith({ data, metadata });
    const stored = await service.read(accepted.id);
    expect(stored.data).toEqual(data);
    expect(stored.metadata).toEqual(metadata);
  });

  test("as fields they are as unknown as others", async () =>
    expectFaults(await sendWith({ constructor: 1, toString: 2 }), {
      "#/constructor": /not a field/,
      "#/toString": /not a field/,
    }));

  test.each(["a b", "", "é", "x".repeat(65), "a/b"])("the metadata key %j", async (key) =>
    expectFaults(await sendWith({ metadata: { [key]: 1 } }), {
      [`#/metadata/${encodeURIComponent(key.replace("/", "~1"))}`]: /1 to 64 letters/,
    }),
  );
});

describe("time", () => {
  test.each([
    "tomorrow",
    "2026-01-31",
    "2026-01-31T09:00:00",
    "2026-02-30T09:00:00Z",
    "2026-01-31 09:00:00Z",
    "1769850000",
    "",
  ])("send_at %j is no time", async (send_at) =>
    expectFaults(await sendWith({ send_at }), { "#/send_at": /RFC 3339/ }),
  );

  test.each(["0000-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59"])(
    "expires_at %s is beyond what is kept",
    async (expires_at) => expectFaults(await sendWith({ expires_at }), { "#/expires_at": /1970 and 2999/ }),
  );

  test("send_at more than a year ahead", async () => {
    expectFaults(await sendWith({ send_at: inDays(367) }), { "#/send_at": /more than a year ahead/ });
    expect((await sendWith({ send_at: inDays(365) })).data.status).toBe("scheduled");
  });

  test("send_at in the past means now", async () => {
    const { data } = await sendWith({ send_at: inDays(-30) });
    expect(data.status).toBe("pending");
    const sent = await service.until(data.id, "sent");
    expect(sent.deliveries).toMatchObject([{ channel: "inbox", status: "sent" }]);
  });

  test("expires_at in the past is accepted, and skipped with its reason", async () => {
    const { data, status } = await sendWith({ expires_at: inDays(-1) });
    expect(status).toBe(202);
    const skipped = await service.until(data.id, "skipped");
    expect(skipped).toMatchObject({ reason: "expired", reason_detail: "expires_at had passed" });
    expect(skipped.deliveries).toMatchObject([{ channel: "inbox", status: "skipped", reason: "expired" }]);
  });

  test("expires_at before send_at would never be sent", async () =>
    expectFaults(await sendWith({ send_at: inDays(2), expires_at: inDays(1) }), {
      "#/expires_at": /not after send_at/,
    }));
});
