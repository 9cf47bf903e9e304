import { createHash } from "node:crypto";
import { type Context, type Handler, Hono } from "hono";
import { z } from "zod";
import { newId } from "../../db/id.ts";
import type { App } from "../app.ts";
import { ClientError } from "../errors.ts";
import { createHttpTelemetry } from "../telemetry-http.ts";
import type { RequestFacts } from "../telemetry-wide.ts";
import { traceContextOf } from "../trace-context.ts";
import { type Admission, type Admitted, createAdmission } from "./admission.ts";
import { authorise } from "./auth.ts";
import { parseJson, readBody, requireStorable } from "./body.ts";
import { type Compression, createCompression } from "./compression.ts";
import { crossOrigin } from "./cross-origin.ts";
import { clientErrorOf } from "./database-errors.ts";
import { deliveryOperations } from "./deliveries.ts";
import { exportOperations } from "./export.ts";
import { inboxOperations } from "./inbox.ts";
import { keyOperations } from "./keys.ts";
import { notificationOperations } from "./notifications.ts";
import {
  type Call,
  type Caller,
  classOf,
  type Idempotency,
  type Operation,
  type Reply,
} from "./operation.ts";
import { pagesOf } from "./pages.ts";
import { pathOf, queryOf } from "./parameters.ts";
import { prioritiesOf } from "./priority.ts";
import { faultsOf, type Place, problemResponse, validationError } from "./problem.ts";
import { countRequest } from "./rate-limit.ts";
import { replayOf, responseOf } from "./reply.ts";
import { sandboxOperations } from "./sandbox.ts";
import { userOperations } from "./users.ts";

/** Every call of the API, in the order in which the documentation shows them. */
export function operationsOf({ dev }: { dev: boolean }): Operation[] {
  return [
    ...notificationOperations,
    ...exportOperations,
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
  Variables: { facts: RequestFacts; route?: string };
};

/** A request id that a client may choose: fit for a header and a log line. */
const requestIdPattern = /^[\w.:/+=-]{1,128}$/;

/** Methods that are counted under their own name; any other word is "other", so that metrics stay bounded. */
const knownMethods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

interface Route {
  /** As OpenAPI writes it. */
  path: string;
  method: string;
  handle: Handler<Env>;
}

export function createServer(app: App): Hono<Env> {
  const hono = new Hono<Env>();
  const operations = operationsOf(app);
  const compression = createCompression({
    gzipLevel: app.config.compressionLevel,
    compressed: createHttpTelemetry(app.telemetry).compressed,
  });
  const admission = createAdmission(app);
  const routes: Route[] = [
    ...pagesOf(app, operations, compression).map(({ path, handle }) => ({ path, method: "GET", handle })),
    ...operations.map((operation) => ({
      path: operation.path,
      method: operation.method.toUpperCase(),
      handle: (context: Context<Env>) => answer(app, operation, context, { compression, admission }),
    })),
  ];

  hono.use(async (context, next) => {
    const startedMs = performance.now();
    app.telemetry.requestStarted();
    const given = context.req.header("x-request-id");
    const requestId = given !== undefined && requestIdPattern.test(given) ? given : newId(app.clock.now());
    const facts: RequestFacts = { requestId, trace: traceContextOf(context.req.raw.headers) };
    context.set("facts", facts);
    const span =
      app.tracing !== null && context.req.path.startsWith("/v1/")
        ? app.tracing.requestBegan(facts.trace)
        : undefined;
    if (span !== undefined) facts.trace = span.context;
    await next();
    context.res.headers.set("x-request-id", requestId);
    context.res.headers.set("x-content-type-options", "nosniff");
    const answered = {
      method: knownMethods.has(context.req.method) ? context.req.method : "other",
      route: context.get("route") ?? "other",
      status: context.res.status,
      ms: performance.now() - startedMs,
    };
    app.telemetry.requestFinished(facts, answered);
    span?.end(facts, answered);
  });
  if (app.config.corsOrigins !== null) hono.use("/v1/*", crossOrigin(app.config.corsOrigins));
  mount(hono, routes);
  hono.notFound((context) =>
    problem(
      context,
      new ClientError("route_not_found", `No call is at ${context.req.path.slice(0, 200)}. See /docs.`),
    ),
  );
  hono.onError((error, context) => {
    const known = clientErrorOf(error);
    if (known !== null) return problem(context, known);
    app.telemetry.failed("http", error, {
      request_id: context.get("facts").requestId,
      path: context.req.path,
    });
    return problem(
      context,
      new ClientError("internal_error", "This was logged. Name the request id when you report it."),
    );
  });
  return hono;
}

/**
 * Each path with its methods, and a 405 for the others. A word goes before a parameter in its place, so that
 * PATCH …/inbox/count is a method that is not taken rather than an item of that name.
 */
function mount(hono: Hono<Env>, routes: Route[]): void {
  const paths = [...new Set(routes.map(({ path }) => path))];
  for (const path of paths.sort((a, b) => (a.replaceAll("{", "~") < b.replaceAll("{", "~") ? -1 : 1))) {
    const here = routes.filter((route) => route.path === path);
    for (const { method, handle } of here) {
      hono.on(method, honoPath(path), (context, next) => {
        context.set("route", path);
        return handle(context, next);
      });
    }
    // Hono answers HEAD with what GET would, without its body.
    const methods = here.flatMap(({ method }) => (method === "GET" ? [method, "HEAD"] : [method]));
    hono.all(honoPath(path), (context) => {
      context.set("route", path);
      throw new ClientError(
        "method_not_allowed",
        `${path} takes ${methods.join(", ")}, not ${context.req.method.slice(0, 20)}.`,
        { headers: { allow: methods.join(", ") } },
      );
    });
  }
}

const honoPath = (path: string) => path.replaceAll(/\{(\w+)\}/g, ":$1");

function problem(context: Context<Env>, error: ClientError): Response {
  const { pathname } = new URL(context.req.url);
  const facts = context.get("facts");
  facts.code = error.code;
  return problemResponse(error, { instance: pathname, requestId: facts.requestId });
}

/** One call: may they, can we, is it valid, do it. */
async function answer(
  app: App,
  operation: Operation,
  context: Context<Env>,
  { compression, admission }: { compression: Compression; admission: Admission },
): Promise<Response> {
  if (app.stopping) {
    throw new ClientError(
      "shutting_down",
      "This process is stopping. Repeat the request: another one will take it.",
      { headers: { "retry-after": "1", connection: "close" } },
    );
  }
  const request = context.req.raw;
  const facts = context.get("facts");
  const { scope } = operation;
  const caller = await authorise(app, request, { scope, bound: admission.lookUp });
  facts.projectId = caller.project_id;
  facts.keyId = caller.id;
  const limits = await countRequest(app, caller.id, classOf(operation));
  const admitted = admission.admit(operation, request, caller.project_id);
  try {
    const reply = await handle(app, operation, context, { caller, admitted });
    const acceptEncoding = request.headers.get("accept-encoding");
    return await responseOf(operation, reply, { limits, acceptEncoding, compression, facts });
  } finally {
    admitted.release();
  }
}

async function handle(
  app: App,
  operation: Operation,
  context: Context<Env>,
  { caller, admitted }: { caller: Caller; admitted: Admitted },
): Promise<Reply> {
  const params = parse(operation.params ?? nothing, pathOf(context), { in: "parameter" });
  const query = parse(operation.query ?? nothing, queryOf(context.req.raw), { in: "parameter" });
  const key = operation.idempotent ? idempotencyKeyOf(context) : null;
  const bytes = operation.body === undefined ? null : await bytesOf(app, operation, context);
  const idempotency = key && bytes && (await idempotencyOf(app, operation, caller, { key, bytes }));
  // Before there has to be room for it: that is when requests are repeated.
  if (idempotency && idempotency.recalled.earlier?.requestHash === idempotency.requestHash)
    return replayOf(idempotency.recalled.earlier);
  const body = bytes === null ? undefined : bodyOf(app, operation, caller, bytes);
  await admitted.itsTurn();
  const facts = context.get("facts");
  return operation.handle({
    app,
    caller,
    params,
    query,
    body,
    idempotency,
    facts,
  } as Call<never, never, never>); // What its schemas gave is of the types that its handler names.
}

const nothing = z.strictObject({});

function parse(schema: z.ZodType, value: unknown, place: Place): unknown {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw validationError(faultsOf(parsed.error, place));
  return parsed.data;
}

async function bytesOf({ config }: App, { bulk }: Operation, context: Context<Env>): Promise<Uint8Array> {
  const bytes = await readBody(context.req.raw, bulk ? config.bulkBodyLimitBytes : config.bodyLimitBytes);
  context.get("facts").bytesIn = bytes.byteLength;
  return bytes;
}

function bodyOf(app: App, operation: Operation, { project_id }: Caller, bytes: Uint8Array): unknown {
  const given = parseJson(bytes);
  // A notification is read, checked and given an id in half the time that it takes to answer: not for nothing.
  if (classOf(operation) === "send") app.accept.requireRoom(project_id, prioritiesOf(given));
  // Of a list, each item is looked through by itself: a bad one does not fail its neighbours.
  if (!operation.bulk) requireStorable(given, "#");
  return parse(operation.body as z.ZodType, given, { in: "body", pointer: "#" });
}

async function idempotencyOf(
  { accept }: App,
  operation: Operation,
  { project_id: projectId }: Caller,
  { key, bytes }: { key: string; bytes: Uint8Array },
): Promise<Idempotency> {
  return {
    key,
    requestHash: hashOf(operation, bytes),
    recalled: await accept.recall({ projectId, key }),
  };
}

function idempotencyKeyOf(context: Context<Env>): string | null {
  const key = context.req.header("idempotency-key");
  if (key === undefined || /^[\x20-\x7e]{1,255}$/.test(key)) return key ?? null;
  throw new ClientError(
    "idempotency_key_invalid",
    "An Idempotency-Key has 1 to 255 printable ASCII characters.",
  );
}

/** What tells a repetition from another request: its route and its body, to the byte. */
const hashOf = ({ path }: Operation, bytes: Uint8Array) =>
  createHash("sha256").update(path).update("\0").update(bytes).digest("hex");
