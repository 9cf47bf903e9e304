/** Where a request may not go, and by which methods: ids and routes. */
import { describe, expect, test } from "bun:test";
import { operationsOf } from "../../src/http/server.ts";
import { rawRequest } from "./raw-request.ts";
import { aNotification, expectFaults, expectProblem, httpForAll } from "./service.ts";

const service = httpForAll();

const unknownId = "019e1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b";

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
      const answer = await rawRequest(
        service.url,
        `${method} /healthz HTTP/1.1\nHost: x\nConnection: close\n\n`,
      );
      // Bun hangs up on a word that is no method at all.
      expect(answer).toMatch(/^(HTTP\/1\.1 (405|400|501)|$)/);
    }
    const { text } = await service.call("GET /metrics");
    expect(text).not.toMatch(/BREW|XXXX/);
  });
});
