import { sql } from "drizzle-orm";
import type { Context, Hono } from "hono";
import type { App } from "../app.ts";
import { ClientError } from "../errors.ts";
import { docsPage } from "./docs-page.ts";
import { openApiOf } from "./openapi.ts";
import type { Operation } from "./operation.ts";
import { sandboxPage } from "./sandbox-page.ts";
import type { Env } from "./server.ts";

/** Pages load nothing from elsewhere and run no script. */
const pageHeaders = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

/** How long the database may take to say that it is there, in milliseconds. */
const readyTimeoutMs = 2000;

/** What is not the API itself: health, metrics, the description and its page. None of it needs a key. */
export function mountPages(hono: Hono<Env>, app: App, operations: Operation[]): void {
  const description = openApiOf(operations);
  const descriptionText = JSON.stringify(description);
  const docs = docsPage(description);

  hono.get("/", (context) => context.redirect("/docs"));
  hono.get("/healthz", (context) => context.json({ data: { status: "alive" } }));
  hono.get("/readyz", async (context) => {
    const missing = app.stopping ? "stopping" : (await databaseAnswers(app)) ? null : "database";
    if (missing === null) return context.json({ data: { status: "ready" } });
    return context.json({ data: { status: "not_ready", missing } }, 503, { "retry-after": "1" });
  });
  hono.get("/metrics", async (context) =>
    context.body(await app.telemetry.registry.metrics(), 200, {
      "content-type": app.telemetry.registry.contentType,
    }),
  );
  hono.get("/openapi.json", (context) =>
    context.body(descriptionText, 200, { "content-type": "application/json" }),
  );
  hono.get("/docs", (context) => context.body(docs, 200, pageHeaders));
  if (app.dev) {
    hono.get("/sandbox", async (context) => {
      requireLoopback(context);
      return context.body(await sandboxPage(app), 200, { ...pageHeaders, "cache-control": "no-store" });
    });
  }
}

async function databaseAnswers({ db }: App): Promise<boolean> {
  const answered = db.orm.execute(sql`select 1`).then(
    () => true,
    () => false,
  );
  const timeout = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), readyTimeoutMs).unref());
  return Promise.race([answered, timeout]);
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
