/** Headers: which of a request are refused, and what every answer carries. */
import { expect, test } from "bun:test";
import { rawRequest } from "./raw-request.ts";
import { aNotification, expectProblem, httpForAll } from "./service.ts";

const service = httpForAll();

test("64 KB of headers are refused, and the service goes on", async () => {
  const answer = await rawRequest(
    service.url,
    `GET /healthz HTTP/1.1\nHost: x\nX-Big: ${"x".repeat(65_536)}\nConnection: close\n\n`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 431/);
  expect((await service.call("GET /healthz")).status).toBe(200);
});

test("a length and chunks in one request are refused, so that nothing is smuggled behind it", async () => {
  const answer = await rawRequest(
    service.url,
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
    if (!request.endsWith("docs")) expect(headers.get("cache-control")).toBe("private, no-store");
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
