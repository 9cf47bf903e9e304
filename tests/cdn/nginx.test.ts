/** A real nginx with deploy/cdn/nginx.conf before a running service: what it spares it, and what it never keeps. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createClient } from "../process/client.ts";
import { newAdminKey, type Service, startService } from "../process.ts";
import { type TempFolder, tempFolder } from "../temp-folder.ts";
import { type Edge, startNginx } from "./nginx.ts";
import { secondsOfAnAsset, treatments } from "./rules.ts";

const key = newAdminKey();
const authorization = `Bearer ${key}`;
let folder: TempFolder;
let service: Service;
let edge: Edge;
let assets: string[];

beforeAll(async () => {
  folder = tempFolder();
  service = startService({ cwd: folder.path, env: { ADMIN_KEY: key } });
  await service.ready;
  edge = await startNginx(service.url);
  const page = await (await fetch(`${service.url}/docs`)).text();
  assets = [...page.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, path = ""]) => path);
}, 60_000);

afterAll(async () => {
  await edge?.[Symbol.asyncDispose]();
  await service?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

/** How many requests the service answered, but for those for its metrics. */
async function asked(): Promise<number> {
  const metrics = await (await fetch(`${service.url}/metrics`)).text();
  return [...metrics.matchAll(/^carillon_http_request_seconds_count\{(.*)\} (\d+)$/gm)]
    .filter(([, labels]) => !labels?.includes(`route="/metrics"`))
    .reduce((sum, [, , count]) => sum + Number(count), 0);
}

/** As Chrome, Safari, a script and curl send it. */
const codings = ["gzip, deflate, br, zstd", "gzip, deflate, br", "gzip", "identity"];

test("of many who ask for the same at once, one is passed on", async () => {
  const before = await asked();
  service.kill("SIGSTOP");
  const asking = Array.from({ length: 50 }, () => edge.fetch("/openapi.json"));
  // Answered without the service, after those that came before.
  await Promise.all(Array.from({ length: 50 }, () => edge.fetch("/metrics")));
  service.kill("SIGCONT");
  const answers = await Promise.all(asking);
  for (const answer of answers) expect(((await answer.json()) as { openapi: string }).openapi).toBe("3.1.0");
  expect((await asked()) - before).toBe(1);
});

test("of what visitors load, 5 % or less reaches the service", async () => {
  expect(assets).toHaveLength(2);
  const paths = ["/docs", "/openapi.json", "/favicon.ico", ...assets];
  const before = await asked();
  let loaded = 0;
  for (let visitor = 0; visitor < 100; visitor += 1) {
    const coding = codings[visitor % codings.length] ?? "";
    const headers = {
      "accept-encoding": coding,
      cookie: `visitor=${visitor}`,
      authorization: `Bearer ${visitor}`,
    };
    const answers = await Promise.all(
      paths.map((path) => edge.fetch(`${path}?from=${visitor}`, { headers })),
    );
    for (const answer of answers) {
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
    }
    loaded += answers.length;
  }
  expect(loaded).toBe(500);
  expect((await asked()) - before).toBeLessThanOrEqual(loaded * 0.05);
});

describe("what it keeps", () => {
  test("is what the service sent, in each coding", async () => {
    for (const path of ["/docs", "/openapi.json", ...assets]) {
      for (const coding of [...codings, "zstd;q=0, br;q=0.0, gzip;q=0.5", "gzip;q=0"]) {
        const headers = { "accept-encoding": coding };
        const there = await fetch(service.url + path, { headers });
        for (const _ of ["miss", "hit"]) {
          const here = await edge.fetch(path, { headers });
          expect(await here.text()).toBe(await there.clone().text());
          for (const name of ["content-encoding", "content-type", "cache-control", "etag", "vary"])
            expect(here.headers.get(name)).toBe(there.headers.get(name));
        }
      }
    }
  });

  test("is fresh for 30 days if it never changes, else for as long as the service says", async () => {
    for (const path of [...assets, "/docs"]) await (await edge.fetch(path)).arrayBuffer();
    const kept = [...edge.kept()];
    for (const [name, { forSeconds }] of kept) {
      const seconds = name.includes("/assets/") ? secondsOfAnAsset : 300;
      expect(forSeconds).toBeWithin(seconds - 120, seconds + 2);
    }
    expect(kept.filter(([name]) => name.includes("/assets/")).length).toBeGreaterThan(0);
    expect(kept.filter(([name]) => name.endsWith("/docs")).length).toBeGreaterThan(0);
  });

  test("is not sent again to who has it, and the service is not asked", async () => {
    const first = await edge.fetch("/docs");
    await first.arrayBuffer();
    const before = await asked();
    const again = await edge.fetch("/docs", {
      headers: { "if-none-match": first.headers.get("etag") ?? "" },
    });
    expect(again.status).toBe(304);
    expect(await asked()).toBe(before);
  });

  test("is no asset that the service does not have", async () => {
    const path = "/assets/page.0123456789abcdef.css";
    const before = await asked();
    for (const _ of ["once", "twice"]) expect((await edge.fetch(path)).status).toBe(404);
    expect((await asked()) - before).toBe(2);
  });

  test.each(Object.entries(treatments))("%s: %s", async (path, treatment) => {
    const before = await asked();
    const { status, headers } = await edge.fetch(path, { headers: { authorization } });
    if (treatment === "refused") {
      expect(status).toBe(404);
      expect(await asked()).toBe(before);
    }
    expect(headers.has("x-cache")).toBe(treatment === "asset" || treatment === "page");
  });
});

describe("the API", () => {
  /** As a client may write the address of the list, or nearly so: whether it is the list that comes back. */
  const disguises: Record<string, boolean> = {
    "/v1/notifications": true,
    "/v1/notifications?limit=1": true,
    "/v1/notifications?x=/assets/page.0123456789abcdef.css": false,
    "/v1/notifications/x.css": false,
    "//v1/notifications": false,
    "/v1//notifications": false,
    "/%76%31/notifications": true,
    "/v1/notifications#/docs": true,
    "/assets/../v1/notifications": true,
    "/assets/%2e%2e/v1/notifications": true,
    "/assets/.%2E/v1/notifications?limit=1": true,
    "/assets/..%2fv1/notifications": false,
    "/assets/..%5cv1%5cnotifications": false,
    "/assets/page.0123456789abcdef.css/../../v1/notifications": true,
    "/assets/page.0123456789abcdef.css%2f..%2f..%2fv1/notifications": false,
    "/assets/..\\v1\\notifications": false,
    "/docs/../v1/notifications": true,
    "/docs\\..\\v1\\notifications": false,
    "/docs%00/../v1/notifications": false,
    "/openapi.json/%2e%2e/v1/notifications": true,
    "http://localhost/v1/notifications": true,
    "http://localhost/assets/../v1/notifications": true,
  };

  test.each(Object.entries(disguises))(
    "is asked each time, and is never kept: %s",
    async (path, isTheList) => {
      const client = createClient({ url: service.url, key });
      const title = `Only for Ana: ${crypto.randomUUID()}`;
      await client.send({ to: "ana", title, body: "It works." });
      const asks: Record<string, string>[] = [
        { authorization },
        { authorization, cookie: "session=1" },
        { cookie: "session=1" },
        {},
      ];
      for (const headers of asks) {
        const before = await asked();
        const answer = await edge.raw(path, { "accept-encoding": "identity", ...headers });
        const refusedByEdge = answer.startsWith("HTTP/1.1 400 ") && answer.includes("nginx");
        expect((await asked()) - before).toBe(refusedByEdge ? 0 : 1);
        expect(answer.toLowerCase()).not.toContain("\nx-cache:");
        expect(answer.includes(title)).toBe(isTheList && "authorization" in headers);
        expect(answer.includes("Only for Ana")).toBe(isTheList && "authorization" in headers);
      }
      for (const name of edge.kept().keys()) {
        expect(name).toMatch(
          /^(zstd|br|gzip|identity)\/(docs|openapi\.json|favicon\.ico|assets\/\w+\.[\w-]{16}\.(css|svg))$/,
        );
      }
    },
  );

  test("answers what was true when it was asked", async () => {
    const client = createClient({ url: service.url, key });
    const listed = async () => (await edge.fetch("/v1/notifications", { headers: { authorization } })).text();
    for (const title of ["First of three", "Second of three", "Third of three"]) {
      expect(await listed()).not.toContain(title);
      await client.send({ to: "ana", title, body: "It works." });
      expect(await listed()).toContain(title);
    }
  });
});

test.each([
  "/metrics",
  "//metrics",
  "/./metrics",
  "/%6detrics",
  "/metrics/",
  "/metrics?x=1",
  "/docs/../metrics",
  "/v1/%2e%2e/metrics",
  "/x\\..\\metrics",
  "/v1/..\\metrics",
  "/\\metrics",
  "http://localhost/metrics",
])("metrics are not to be had from outside: %s", async (path) => {
  const before = await metricsRead();
  const answer = await edge.raw(path, { "accept-encoding": "identity" });
  expect(answer).toMatch(/^HTTP\/1\.1 (400|404) /);
  expect(answer).not.toContain("carillon_");
  expect((await metricsRead()) - before).toBe(1);
});

/** How often the metrics were read, but for this time. */
async function metricsRead(): Promise<number> {
  const metrics = await (await fetch(`${service.url}/metrics`)).text();
  const line = /^carillon_http_request_seconds_count\{[^}]*route="\/metrics"[^}]*\} (\d+)$/m;
  return Number(line.exec(metrics)?.[1] ?? 0);
}

test("HTTP/2 is spoken with who can", async () => {
  expect(await edge.protocol(["h2", "http/1.1"])).toBe("h2");
});
