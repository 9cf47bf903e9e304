/** What may be kept, by whom and for how long; and which pages of others may look. */
import { describe, expect, test } from "bun:test";
import { httpForAll } from "./service.ts";

describe("what does not change while the process runs", () => {
  const service = httpForAll();
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(service.url + path, { headers: { "accept-encoding": "identity", ...headers } });

  test.each(["/docs", "/openapi.json"])(
    "%s may be kept for minutes, and is not sent twice to who has it",
    async (path) => {
      const first = await get(path);
      expect(first.headers.get("cache-control")).toBe("public, max-age=300");
      const etag = first.headers.get("etag") ?? "";
      expect(etag).toMatch(/^"[\w-]{16}"$/);
      const again = await get(path, { "if-none-match": `"other", ${etag}` });
      expect(again.status).toBe(304);
      expect(await again.text()).toBe("");
      expect(again.headers.get("etag")).toBe(etag);
      expect((await get(path, { "if-none-match": '"other"' })).status).toBe(200);
      const compressed = await get(path, { "accept-encoding": "gzip", "if-none-match": etag });
      expect(compressed.status).toBe(304);
      expect(compressed.headers.get("etag")).toBe(`W/${etag}`);
    },
  );

  test.each(["/healthz", "/readyz", "/metrics"])("%s is asked anew each time", async (path) => {
    expect((await get(path)).headers.get("cache-control")).toBe("no-store");
  });

  test("what pages load has its content's hash in its address, and may be kept for ever", async () => {
    const page = await (await get("/docs")).text();
    const assets = [...page.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, path = ""]) => path);
    expect(assets).toHaveLength(2);
    for (const path of assets) {
      expect(path).toMatch(/\.[\w-]{16}\.(css|svg)$/);
      const { status, headers } = await get(path);
      expect(status).toBe(200);
      expect(headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    }
  });

  test("pages run no script, load nothing from elsewhere and are in nobody's frame", async () => {
    const { headers } = await get("/docs");
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
  });
});

describe("without CORS_ORIGINS", () => {
  const service = httpForAll();

  test("no page of others may call the API", async () => {
    const { headers } = await service.call("GET /v1/notifications", {
      headers: { origin: "https://app.example.com" },
    });
    expect(headers.get("access-control-allow-origin")).toBeNull();
  });
});

describe("with CORS_ORIGINS", () => {
  const service = httpForAll({ CORS_ORIGINS: "https://app.example.com, https://admin.example.com" });
  const preflight = (origin: string) =>
    fetch(`${service.url}/v1/notifications`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
      },
    });

  test("a page of theirs may, and sees what it needs", async () => {
    const asked = await preflight("https://app.example.com");
    expect(asked.status).toBe(204);
    expect(asked.headers.get("access-control-allow-origin")).toBe("https://app.example.com");
    expect(asked.headers.get("access-control-allow-headers")).toContain("authorization");
    expect(asked.headers.get("access-control-allow-methods")).toContain("POST");
    expect(asked.headers.get("access-control-allow-credentials")).toBeNull();
    const { headers } = await service.call("GET /v1/notifications", {
      headers: { origin: "https://admin.example.com" },
    });
    expect(headers.get("access-control-allow-origin")).toBe("https://admin.example.com");
    expect(headers.get("access-control-expose-headers")?.toLowerCase()).toContain("retry-after");
    expect(headers.get("vary")).toContain("Origin");
  });

  test("a page of anybody else may not", async () => {
    const asked = await preflight("https://evil.example.com");
    expect(asked.headers.get("access-control-allow-origin")).toBeNull();
  });
});
