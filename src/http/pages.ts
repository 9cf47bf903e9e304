import type { Context, Handler } from "hono";
import { ping } from "../../db/maintenance.ts";
import type { App } from "../app.ts";
import { ClientError } from "../errors.ts";
import { docsPage } from "./docs-page.ts";
import { openApiOf } from "./openapi.ts";
import type { Operation } from "./operation.ts";
import { icon } from "./page-style.ts";
import { sandboxPage } from "./sandbox-page.ts";
import type { Env } from "./server.ts";

/** Pages load nothing from elsewhere and run no script. */
const pageHeaders = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
};

/** How long the database may take to say that it is there, in milliseconds. */
const readyTimeoutMs = 2000;

interface Page {
  path: string;
  handle: Handler<Env>;
}

/** What is not the API itself: health, metrics, the description and its page. None of it needs a key. */
export function pagesOf(app: App, operations: Operation[]): Page[] {
  const description = openApiOf(operations);
  const descriptionText = JSON.stringify(description);
  const docs = docsPage(description);

  const pages: Page[] = [
    { path: "/", handle: (context) => context.redirect("/docs") },
    { path: "/healthz", handle: (context) => context.json({ data: { status: "alive" } }) },
    { path: "/readyz", handle: (context) => readiness(app, context) },
    {
      path: "/metrics",
      handle: async (context) =>
        context.body(await app.telemetry.metrics(await app.work.metrics()), 200, {
          "content-type": app.telemetry.contentType,
        }),
    },
    {
      path: "/openapi.json",
      handle: (context) => context.body(descriptionText, 200, { "content-type": "application/json" }),
    },
    { path: "/docs", handle: (context) => context.body(docs, 200, pageHeaders) },
    {
      path: "/favicon.ico",
      handle: (context) =>
        context.body(icon, 200, { "content-type": "image/svg+xml", "cache-control": "max-age=86400" }),
    },
  ];
  return app.dev ? [...pages, { path: "/sandbox", handle: (context) => sandbox(app, context) }] : pages;
}

/** Without its database it cannot serve; without its cache or event log it can, later or slower. */
async function readiness(app: App, context: Context<Env>): Promise<Response> {
  const missing = app.stopping ? "stopping" : (await databaseAnswers(app)) ? null : "database";
  if (missing !== null) {
    return context.json({ data: { status: "not_ready", missing } }, 503, { "retry-after": "1" });
  }
  const degraded = [
    ...(app.cache.available() ? [] : ["cache"]),
    ...(app.log.fault() === null ? [] : ["event log"]),
  ];
  return context.json({ data: { status: "ready", degraded } });
}

async function databaseAnswers({ db }: App): Promise<boolean> {
  const answered = ping(db.orm).then(
    () => true,
    () => false,
  );
  const timeout = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), readyTimeoutMs).unref());
  return Promise.race([answered, timeout]);
}

async function sandbox(app: App, context: Context<Env>): Promise<Response> {
  requireLoopback(context);
  return context.body(await sandboxPage(app), 200, { ...pageHeaders, "cache-control": "no-store" });
}

/** The page shows people's messages without a key: to this machine alone, by its own name. */
function requireLoopback(context: Context<Env>): void {
  const from = context.env.requestIP?.(context.req.raw)?.address ?? "";
  const name = new URL(context.req.url).hostname;
  const local = ["127.0.0.1", "::1", "::ffff:127.0.0.1"].includes(from);
  if (!local || !["localhost", "127.0.0.1", "[::1]"].includes(name)) {
    throw new ClientError("loopback_only", "Open it on the machine that runs Carillon, at http://localhost.");
  }
}
