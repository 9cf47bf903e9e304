/** What can be wrong about a request besides its body: where it goes, by which method, with which headers. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createConnection } from "node:net";
import { text } from "node:stream/consumers";
import { operationsOf } from "../../src/http/server.ts";
import { aNotification, expectFaults, expectProblem, type HttpService, startHttp } from "./service.ts";

let service: HttpService;
beforeAll(async () => {
  service = await startHttp();
});
afterAll(() => service[Symbol.asyncDispose]());

const unknownId = "019e1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b";

/** What a client answers that writes its request byte by byte. */
async function raw(request: string): Promise<string> {
  const { hostname, port } = new URL(service.url);
  const socket = createConnection({ host: hostname, port: Number(port) });
  socket.write(request.replaceAll("\n", "\r\n"), "latin1");
  return text(socket);
}

describe("ids", () => {
  const calls = [
    "GET /v1/notifications/{}",
    "POST /v1/notifications/{}/cancel",
    "DELETE /v1/keys/{}",
  ] as const;
  const at = (call: (typeof calls)[number], id: string) => call.replace("{}", id) as typeof call;

  test.each(calls)("%s of an unknown id", async (call) => {
    const code = call.includes("keys") ? "key_not_found" : "notification_not_found";
    expectProblem(await service.call(at(call, unknownId)), code, new RegExp(unknownId));
  });

  test.each(
    calls.flatMap((call) =>
      ["x", "1", unknownId.toUpperCase(), `${unknownId}0`, "%00", "%2e%2e%2f"].map(
        (id) => [call, id] as const,
      ),
    ),
  )("%s of the malformed id %s", async (call, id) =>
    expectFaults(await service.call(at(call, id)), { id: /lowercase UUIDs/ }),
  );

  test("a delivery of an unknown id, and of malformed ones", async () => {
    const id = `${unknownId}-email`;
    expectProblem(
      await service.call(`POST /v1/deliveries/${id}/replay`),
      "delivery_not_found",
      new RegExp(id),
    );
    for (const malformed of [
      "x",
      unknownId,
      `${unknownId}-fax`,
      `${unknownId}-email%00`,
      `${unknownId}_email`,
    ]) {
      expectFaults(await service.call(`POST /v1/deliveries/${malformed}/replay`), {
        id: /no id of a delivery/,
      });
    }
  });

  test("an unknown user, and malformed ids of users", async () => {
    expectProblem(await service.call("GET /v1/users/nobody"), "user_not_found", /nobody/);
    expectProblem(await service.call("DELETE /v1/users/nobody"), "user_not_found", /nobody/);
    for (const malformed of ["%00", "a%0Ab", "a%20b", "%C3%A9", "x".repeat(129), ".hidden"]) {
      expectFaults(await service.call(`GET /v1/users/${malformed}`), { id: /printable ASCII/ });
    }
  });

  test("a user's id may hold what a URL escapes", async () => {
    for (const id of ["a/b", "a?b#c", "50%", "%ff", "a+b", "a/../b", "inbox", "__proto__", "a\\b"]) {
      const path = `/v1/users/${encodeURIComponent(id)}` as const;
      expect((await service.call(`PUT ${path}`, { body: { name: id } })).data.id).toBe(id);
      expect((await service.call(`GET ${path}`)).data.name).toBe(id);
    }
  });

  test.each(["%ff", "%ed%a0%80", "%c0%80", "%"])("a path that is no UTF-8: %s", async (id) =>
    expectFaults(await service.call(`GET /v1/users/${id}`), { path: /not UTF-8/ }),
  );

  test("an inbox item that is another user's is not found", async () => {
    const { data } = await service.call("POST /v1/notifications", { body: aNotification({ to: "ana" }) });
    expectProblem(
      await service.call(`PATCH /v1/users/bob/inbox/${data.id}`, { body: { read: true } }),
      "notification_not_found",
      /in the inbox of bob/,
    );
  });
});

describe("queries", () => {
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
});

describe("routes and methods", () => {
  test.each([
    "/v1",
    "/v2/notifications",
    "/v1/notifications/",
    "/V1/notifications",
    "/v1/users",
    "/favicon.png",
  ])("nothing is at %s", async (path) =>
    expectProblem(await service.call(`GET ${path}`), "route_not_found", /See \/docs/),
  );

  test("every address refuses every method that it does not take, and lists those that it does", async () => {
    const byPath = Map.groupBy(operationsOf({ dev: true }), ({ path }) => path);
    for (const [path, operations] of byPath) {
      const taken = operations.map(({ method }) => method.toUpperCase());
      const address = path.replaceAll(/\{(\w+)\}/g, unknownId);
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
        if (taken.includes(method)) continue;
        const answer = await service.call(`${method} ${address as `/${string}`}`, { key: null });
        expectProblem(answer, "method_not_allowed", /takes/);
        const allowed = answer.headers.get("allow")?.split(", ") ?? [];
        expect(allowed.filter((name) => name !== "HEAD").sort()).toEqual(taken.sort());
      }
    }
  });

  test.each(["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/favicon.ico", "/", "/sandbox"])(
    "%s is only read",
    async (path) => {
      const answer = await service.call(`POST ${path}`);
      expectProblem(answer, "method_not_allowed");
      expect(answer.headers.get("allow")).toBe("GET, HEAD");
    },
  );

  test("a word in an address is no id", async () => {
    expectProblem(
      await service.call("PATCH /v1/users/ana/inbox/count", { body: { read: true } }),
      "method_not_allowed",
    );
    expectProblem(await service.call("GET /v1/notifications/bulk"), "method_not_allowed", /takes POST/);
  });

  test("HEAD answers as GET does, without its body", async () => {
    const { status, text } = await service.call("HEAD /v1/notifications");
    expect({ status, text }).toEqual({ status: 200, text: "" });
  });

  test.each(["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])(
    "%s overrides nothing",
    async (name) => {
      await service.call("PUT /v1/users/kept", { body: { name: "Kept" } });
      const { status } = await service.call("GET /v1/users/kept", { headers: { [name]: "DELETE" } });
      expect(status).toBe(200);
      const body = aNotification({ to: "kept" });
      const answer = await service.call("POST /v1/notifications", { body, headers: { [name]: "DELETE" } });
      expect(answer.status).toBe(202);
      expectFaults(await service.call("POST /v1/notifications?_method=DELETE", { body }), {
        _method: /not a parameter/,
      });
      expect((await service.call("GET /v1/users/kept")).data.name).toBe("Kept");
    },
  );

  test("methods that are none do not grow the metrics", async () => {
    for (const method of ["TRACE", "BREW", "X".repeat(50)]) {
      const answer = await raw(`${method} /healthz HTTP/1.1\nHost: x\nConnection: close\n\n`);
      // Bun hangs up on a word that is no method at all.
      expect(answer).toMatch(/^(HTTP\/1\.1 (405|400|501)|$)/);
    }
    const { text } = await service.call("GET /metrics");
    expect(text).not.toMatch(/BREW|XXXX/);
  });
});

describe("headers", () => {
  test("64 KB of headers are refused, and the service goes on", async () => {
    const answer = await raw(
      `GET /healthz HTTP/1.1\nHost: x\nX-Big: ${"x".repeat(65_536)}\nConnection: close\n\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 431/);
    expect((await service.call("GET /healthz")).status).toBe(200);
  });

  test("a length and chunks in one request are refused, so that nothing is smuggled behind it", async () => {
    const answer = await raw(
      "POST /v1/notifications HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 5\nTransfer-Encoding: chunked\nConnection: close\n\n0\n\nGET /healthz HTTP/1.1\nHost: x\n\n",
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400/);
    expect(answer).not.toContain("alive");
  });

  test.each(["x".repeat(256), "", "clé"])("the Idempotency-Key %j", async (key) =>
    expectProblem(
      await service.call("POST /v1/notifications", {
        body: aNotification(),
        headers: { "idempotency-key": key },
      }),
      "idempotency_key_invalid",
      /1 to 255 printable/,
    ),
  );

  test("every answer carries a request id: the client's own where it can be used, else a new one", async () => {
    const own = await service.call("GET /healthz", { headers: { "x-request-id": "trace-7f:1" } });
    expect(own.headers.get("x-request-id")).toBe("trace-7f:1");
    for (const bad of ["a b", "x".repeat(129), '"><script>']) {
      const { headers } = await service.call("GET /nowhere", { headers: { "x-request-id": bad } });
      expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    }
    const [first, second] = [await service.call("GET /healthz"), await service.call("GET /healthz")];
    expect(first.headers.get("x-request-id")).not.toBe(second.headers.get("x-request-id"));
  });

  test("what a key protects is not kept by caches, and no answer is guessed at", async () => {
    for (const request of [
      "GET /v1/notifications",
      "GET /v1/users/nobody",
      "GET /nowhere",
      "GET /docs",
    ] as const) {
      const { headers } = await service.call(request);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      if (!request.endsWith("docs")) expect(headers.get("cache-control")).toBe("no-store");
    }
  });

  test("a page runs no script, loads nothing from elsewhere, and stands in no frame", async () => {
    for (const page of ["GET /docs", "GET /sandbox"] as const) {
      const { headers, status, text } = await service.call(page);
      expect(status).toBe(200);
      const policy = headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("script-src");
      expect(text).not.toMatch(/<script|\son\w+=|https?:\/\/(?!localhost|example\.com)[^\s<"]*\.(js|css)/);
    }
  });

  test("the sandbox page is for this machine, by its own name", async () => {
    const answer = await service.call("GET /sandbox", { headers: { host: "rebound.example.com" } });
    expectProblem(answer, "loopback_only", /http:\/\/localhost/);
  });
});
