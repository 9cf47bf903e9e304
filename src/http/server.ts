import { createHash } from "node:crypto";
import { type Context, Hono } from "hono";
import { z } from "zod";
import { newId } from "../../db/id.ts";
import type { App } from "../app.ts";
import { ClientError } from "../errors.ts";
import { authorise } from "./auth.ts";
import { parseJson, readBody } from "./body.ts";
import { deliveryOperations } from "./deliveries.ts";
import { inboxOperations } from "./inbox.ts";
import { keyOperations } from "./keys.ts";
import { notificationOperations } from "./notifications.ts";
import type { Call, Operation, Reply } from "./operation.ts";
import { mountPages } from "./pages.ts";
import { faultsOf, type Place, problemResponse, validationError } from "./problem.ts";
import { sandboxOperations } from "./sandbox.ts";
import { userOperations } from "./users.ts";

/** Every call of the API, in the order in which the documentation shows them. */
export function operationsOf({ dev }: { dev: boolean }): Operation[] {
  return [
    ...notificationOperations,
    ...userOperations,
    ...inboxOperations,
    ...deliveryOperations,
    ...keyOperations,
    ...sandboxOperations,
  ].filter(({ devOnly }) => dev || !devOnly);
}

/** What a request carries through its handling. */
export type Env = {
  Bindings: { requestIP?: (request: Request) => { address: string } | null };
  Variables: { requestId: string };
};

const requestIdPattern = /^[\w.:/+=-]{1,128}$/;

export function createServer(app: App): Hono<Env> {
  const hono = new Hono<Env>();
  const operations = operationsOf(app);

  hono.use(async (context, next) => {
    const startedMs = performance.now();
    const given = context.req.header("x-request-id");
    const requestId = given !== undefined && requestIdPattern.test(given) ? given : newId(app.clock.now());
    context.set("requestId", requestId);
    await next();
    context.res.headers.set("x-request-id", requestId);
    const route = context.get("route" as never) as string | undefined;
    const ms = performance.now() - startedMs;
    app.telemetry.requestFinished(context.req.method, route ?? "other", context.res.status, ms, requestId);
  });

  mountPages(hono, app, operations);
  for (const operation of operations) {
    const path = honoPath(operation.path);
    hono.on(operation.method.toUpperCase(), path, (context) => answer(app, operation, context));
  }
  for (const [path, methods] of methodsByPath(operations)) {
    hono.all(honoPath(path), (context) => {
      throw new ClientError(
        "method_not_allowed",
        `${path} takes ${methods.join(" and ")}, not ${context.req.method}.`,
        { headers: { allow: methods.join(", ") } },
      );
    });
  }
  hono.notFound((context) =>
    problem(
      context,
      new ClientError("route_not_found", `No call is at ${context.req.path.slice(0, 200)}. See /docs.`),
    ),
  );
  hono.onError((error, context) => {
    if (error instanceof ClientError) return problem(context, error);
    app.telemetry.failed("http", error, { request_id: context.get("requestId"), path: context.req.path });
    return problem(
      context,
      new ClientError("internal_error", "This was logged. Name the request id when you report it."),
    );
  });
  return hono;
}

const honoPath = (path: string) => path.replaceAll(/\{(\w+)\}/g, ":$1");

function methodsByPath(operations: Operation[]): Map<string, string[]> {
  const byPath = new Map<string, string[]>();
  for (const { path, method } of operations) {
    byPath.set(path, [...(byPath.get(path) ?? []), method.toUpperCase()]);
  }
  return byPath;
}

function problem(context: Context<Env>, error: ClientError): Response {
  return problemResponse(error, { instance: context.req.path, requestId: context.get("requestId") });
}

/** One call: may they, is it valid, do it. */
async function answer(app: App, operation: Operation, context: Context<Env>): Promise<Response> {
  context.set("route" as never, operation.path as never);
  if (app.stopping) {
    throw new ClientError(
      "shutting_down",
      "This process is stopping. Repeat the request: another one will take it.",
      {
        headers: { "retry-after": "1", connection: "close" },
      },
    );
  }
  const request = context.req.raw;
  const caller = await authorise(app, request, operation.scope);
  const params = parse(operation.params, decodedParams(context), { in: "parameter" });
  const query = parse(operation.query ?? noQuery, queryOf(context), { in: "parameter" });
  const { body, idempotency } = await bodyOf(app, operation, context);
  const reply = await operation.handle({ app, caller, params, query, body, idempotency } as unknown as Call<
    never,
    never,
    never
  >);
  return responseOf(operation, reply);
}

const noQuery = z.strictObject({});

function responseOf({ status }: Operation, reply: Reply): Response {
  if (reply instanceof Response) return reply;
  return new Response(JSON.stringify(reply), { status, headers: { "content-type": "application/json" } });
}

function parse(schema: z.ZodType | undefined, value: unknown, place: Place): unknown {
  if (schema === undefined) return value;
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw validationError(faultsOf(parsed.error, place));
  return parsed.data;
}

function decodedParams(context: Context<Env>): Record<string, string> {
  return context.req.param() as Record<string, string>;
}

/** A parameter that is given twice is a mistake, not a list. */
function queryOf(context: Context<Env>): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, values] of Object.entries(context.req.queries())) {
    if (values.length > 1) throw validationError([{ parameter: name, detail: "is given more than once" }]);
    const [value = ""] = values;
    if (value.includes("\0") || !value.isWellFormed()) {
      throw validationError([{ parameter: name, detail: "contains a character that cannot be stored" }]);
    }
    query[name] = value;
  }
  return query;
}

async function bodyOf(app: App, operation: Operation, context: Context<Env>) {
  if (operation.body === undefined) return { body: undefined, idempotency: null };
  const { bodyLimitBytes, bulkBodyLimitBytes } = app.config;
  const bytes = await readBody(context.req.raw, operation.bulk ? bulkBodyLimitBytes : bodyLimitBytes);
  const body = parse(operation.body, parseJson(bytes), { in: "body", pointer: "#" });
  return { body, idempotency: operation.idempotent ? idempotencyOf(operation, context, bytes) : null };
}

function idempotencyOf(operation: Operation, context: Context<Env>, bytes: Uint8Array) {
  const key = context.req.header("idempotency-key");
  if (key === undefined) return null;
  if (!/^[\x20-\x7e]{1,255}$/.test(key)) {
    throw new ClientError(
      "idempotency_key_invalid",
      "An Idempotency-Key has 1 to 255 printable ASCII characters.",
    );
  }
  return {
    key,
    requestHash: createHash("sha256").update(operation.path).update("\0").update(bytes).digest("hex"),
  };
}
