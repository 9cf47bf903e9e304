import type { Context, Handler } from "hono";
import { ping } from "../../db/maintenance.ts";
import type { App } from "../app.ts";
import { askedOnce } from "../asked-once.ts";
import { ClientError } from "../errors.ts";
import { within } from "../within.ts";
import type { Compression } from "./compression.ts";
import { docsPage } from "./docs-page.ts";
import { cacheControls, fixed } from "./fixed.ts";
import { openApiOf } from "./openapi.ts";
import type { Operation } from "./operation.ts";
import { icon, iconPath, style, stylePath } from "./page-style.ts";
import { sandboxPage } from "./sandbox-page.ts";
import type { Env } from "./server.ts";

/** Pages load nothing from elsewhere and run no script. */
const pageHeaders = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
};

/** How long the database may take to say that it is there, in milliseconds. */
const readyTimeoutMs = 2000;

interface Page {
  path: string;
  handle: Handler<Env>;
}

/** What is not the API itself: health, metrics, the description and its page. None of it needs a key. */
export function pagesOf(app: App, operations: Operation[], compression: Compression): Page[] {
  const description = openApiOf(operations);
  const { immutable, short } = cacheControls;
  // Anybody may ask, as often as they like.
  const databaseAnswers = askedOnce(() => answersInTime(app));
  const serve = (text: string, headers: Record<string, string>, cacheControl: string) =>
    fixed({ text, headers, cacheControl }, compression);

  const pages: Page[] = [
    { path: "/", handle: (context) => context.redirect("/docs") },
    { path: "/healthz", handle: (context) => context.json({ data: { status: "alive" } }, 200, unkept) },
    { path: "/readyz", handle: (context) => readiness(app, databaseAnswers, context) },
    { path: "/metrics", handle: (context) => metrics(app, context, compression) },
    { path: "/openapi.json", handle: serve(JSON.stringify(description), typed("application/json"), short) },
    { path: "/docs", handle: serve(docsPage(description), pageHeaders, short) },
    { path: stylePath, handle: serve(style, typed("text/css; charset=utf-8"), immutable) },
    { path: iconPath, handle: serve(icon, typed("image/svg+xml"), immutable) },
    { path: "/favicon.ico", handle: serve(icon, typed("image/svg+xml"), short) },
  ];
  return app.dev ? [...pages, { path: "/sandbox", handle: (context) => sandbox(app, context) }] : pages;
}

/** What is true now, and for no cache to repeat. */
const unkept = { "cache-control": "no-store" };
const typed = (type: string) => ({ "content-type": type });

async function metrics(
  { telemetry, work }: App,
  context: Context<Env>,
  compression: Compression,
): Promise<Response> {
  const text = await telemetry.metrics(await work.metrics());
  const { body, headers } = await compression.encode(text, context.req.header("accept-encoding") ?? null);
  return new Response(body, {
    headers: { ...headers, ...typed(telemetry.contentType), ...unkept },
  });
}

/** Without its database it cannot serve; without its cache or event log it can, later or slower. */
async function readiness(
  app: App,
  databaseAnswers: () => Promise<boolean>,
  context: Context<Env>,
): Promise<Response> {
  const missing = app.leaving ? "stopping" : (await databaseAnswers()) ? null : "database";
  if (missing !== null) {
    return context.json({ data: { status: "not_ready", missing } }, 503, { "retry-after": "1", ...unkept });
  }
  const degraded = [
    ...(app.cache.available() ? [] : ["cache"]),
    ...(app.log.fault() === null ? [] : ["event log"]),
  ];
  return context.json({ data: { status: "ready", degraded } }, 200, unkept);
}

function answersInTime({ db }: App): Promise<boolean> {
  const answered = ping(db.orm).then(
    () => true,
    () => false,
  );
  return within(readyTimeoutMs, answered, () => false);
}

async function sandbox(app: App, context: Context<Env>): Promise<Response> {
  requireLoopback(context);
  return context.body(await sandboxPage(app), 200, { ...pageHeaders, "cache-control": "private, no-store" });
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
