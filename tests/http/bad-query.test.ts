/** Every way the parameters of an address can be wrong, each with its own clear error. */
import { test } from "bun:test";
import { aNotification, expectFaults, httpForAll } from "./service.ts";

const service = httpForAll();

const unknownId = "019e1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b";

test.each([
  ["limit=0", { limit: /at least 1/ }],
  ["limit=101", { limit: /at most 100/ }],
  ["limit=-1", { limit: /number/ }],
  ["limit=1.5", { limit: /number/ }],
  ["limit=0x10", { limit: /number/ }],
  ["limit=", { limit: /number/ }],
  ["limit=5&limit=5", { limit: /more than once/ }],
  ["status=sent&status=failed", { status: /more than once/ }],
  ["metadata.a=1&metadata.a=2", { "metadata.a": /more than once/ }],
  ["status=done", { status: /one of/ }],
  ["channel=fax", { channel: /one of/ }],
  ["priority=", { priority: /one of/ }],
  ["user_id=a%20b", { user_id: /printable ASCII/ }],
  ["created_after=yesterday", { created_after: /RFC 3339/ }],
  ["created_before=2026-01-31T09:00:00+01:00", { created_before: /RFC 3339/ }],
  ["colour=red", { colour: /not a parameter that is known/ }],
  ["constructor=1", { constructor: /not a parameter that is known/ }],
  ["__proto__=1", { __proto__: /not a parameter/ }],
  ["metadata.__proto__=1", { "metadata.__proto__": /not taken/ }],
  ["metadata.=1", { "metadata.": /1 to 64 letters/ }],
  ["metadata=1", { metadata: /must be of type object/ }],
  [`metadata.a=${"x".repeat(501)}`, { "metadata.a": /at most 500/ }],
  ["metadata.a=%00", { "metadata.a": /NUL/ }],
  ["colour%00=1", { "colour\0": /NUL/ }],
  ["user_id=%ff", { query: /not UTF-8/ }],
  ["metadata.a=%ed%a0%80", { query: /not UTF-8/ }],
])("?%s", async (query, faults: Record<string, RegExp>) => {
  // An own key, as the query has it.
  if (query.startsWith("__proto__")) faults = { ["__proto__"]: /not a parameter that is known/ };
  expectFaults(await service.call(`GET /v1/notifications?${query}`), faults);
});

test("a parameter where there are none", async () => {
  expectFaults(await service.call("GET /v1/keys?limit=1"), { limit: /not a parameter/ });
  expectFaults(await service.call("POST /v1/notifications?dry_run=1", { body: aNotification() }), {
    dry_run: /not a parameter/,
  });
  expectFaults(await service.call("GET /v1/users/ana/notifications?user_id=bob"), {
    user_id: /not a parameter/,
  });
});

const foreign = (id: string) => Buffer.from(id).toString("base64url");
test.each(["x", "!!", "", unknownId, foreign("x"), foreign(`${unknownId}-email`), foreign("\0")])(
  "the cursor %j",
  async (cursor) => {
    for (const name of ["after", "before"]) {
      expectFaults(await service.call(`GET /v1/notifications?${name}=${encodeURIComponent(cursor)}`), {
        [name]: /no cursor of ours/,
      });
    }
  },
);

test("a delivery's cursor that names no channel", async () => {
  for (const cursor of [foreign(unknownId), foreign(`${unknownId}-\0`), foreign(`${unknownId}-fax`)]) {
    expectFaults(await service.call(`GET /v1/deliveries?after=${cursor}`), { after: /no cursor of ours/ });
  }
});

test("both cursors at once", async () => {
  const cursor = foreign(unknownId);
  expectFaults(await service.call(`GET /v1/notifications?after=${cursor}&before=${cursor}`), {
    before: /cannot be combined/,
  });
});
