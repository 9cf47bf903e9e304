/** The API on a real socket, in this process: its tests see what a client sees, and the database behind it. */
import { afterAll, beforeAll, expect } from "bun:test";
import { type App, createApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config.ts";
import { catalogue, type ErrorCode, type Problem } from "../../src/errors.ts";
import { errorsOf } from "../../src/http/openapi.ts";
import type { Operation } from "../../src/http/operation.ts";
import { createServer, operationsOf } from "../../src/http/server.ts";
import { createKey, defaultProject, type KeyKind } from "../../src/pipeline/keys.ts";
import { eventually } from "../eventually.ts";
import { openStack, type StackName } from "../stacks.ts";

export interface Answer {
  status: number;
  headers: Headers;
  /** As it came. */
  text: string;
  /** Of a success, `data`; tests know what they asked for. */
  // biome-ignore lint/suspicious/noExplicitAny: every test reads other fields, and each answer was checked against its schema
  data: any;
  next: string | null;
  previous: string | null;
  /** Of an error; its fields are undefined otherwise. */
  problem: Partial<Problem>;
}

export interface CallOptions {
  /** Sent as JSON, unless it is a text, which is sent as it is. */
  body?: unknown;
  /** The secret of another key than the admin's; null for none. */
  key?: string | null;
  headers?: Record<string, string>;
}

export interface HttpService extends AsyncDisposable {
  app: App;
  /** Without a slash at the end. */
  url: string;
  adminKey: string;
  /** Calls the API, and checks the answer against the description of the operation that gave it. */
  call(request: `${string} /${string}`, options?: CallOptions): Promise<Answer>;
  /** The notification, with its deliveries and attempts. */
  read(id: string): Promise<Answer["data"]>;
  /** The same, once it has this status. */
  until(id: string, status: string): Promise<Answer["data"]>;
  makeKey(options?: { scopes?: string[]; kind?: KeyKind; project?: string }): Promise<string>;
  /** Stops and starts again on the same data. */
  restart(): Promise<void>;
}

/** Webhooks leave for a receiver on this machine, and what fails waits longer than a test takes. */
export const webhooksToHere = {
  WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 1).toString("base64")}`,
  WEBHOOK_ALLOW_PRIVATE: "1",
  RETRY_SCHEDULE: "1h",
};

/** Starts as `dev` does, on data of its own; `env` holds settings as the environment would. */
export async function startHttp(
  env: Record<string, string> = {},
  stackName: StackName = "embedded",
): Promise<HttpService> {
  const service = {} as HttpService;
  await start(service, env, stackName);
  return service;
}

/** The same for all tests of the file or the `describe` that calls it: there before them, and gone after them. */
export function httpForAll(env: Record<string, string> = {}, stackName: StackName = "embedded"): HttpService {
  const service = {} as HttpService;
  beforeAll(() => start(service, env, stackName));
  afterAll(() => service[Symbol.asyncDispose]());
  return service;
}

async function start(service: HttpService, env: Record<string, string>, stackName: StackName): Promise<void> {
  const stack = await openStack(stackName);
  const settings = { ...stack.env, ...env };
  let running = await listen(settings);
  Object.assign(service, {
    ...running,
    adminKey: "",
    call: (request, options) => call(service, request, options),
    read: async (id) => (await service.call(`GET /v1/notifications/${id}`)).data,
    until: (id, status) =>
      eventually(async () => {
        const now = await service.read(id);
        return now.status === status && now;
      }),
    makeKey: async ({ scopes = ["admin"], kind = "live", project = defaultProject } = {}) =>
      (await createKey(service.app, { name: "test", project, kind, scopes })).secret,
    async restart() {
      await running.stop();
      running = await listen(settings);
      Object.assign(service, { app: running.app, url: running.url });
    },
    async [Symbol.asyncDispose]() {
      await running.stop();
      await stack[Symbol.asyncDispose]();
    },
  } satisfies HttpService);
  service.adminKey = await service.makeKey();
}

async function listen(env: Record<string, string>) {
  const settings = { LOG_LEVEL: "error", SWEEP_INTERVAL_MS: "20", ...env };
  const app = await createApp(loadConfig(settings), { dev: true });
  const { fetch } = createServer(app);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, server) => fetch(request, { requestIP: (of: Request) => server.requestIP(of) }),
  });
  return {
    app,
    url: `http://127.0.0.1:${server.port}`,
    async stop() {
      await server.stop(true);
      await app.stop();
    },
  };
}

async function call(
  { url, adminKey }: HttpService,
  request: string,
  { body, key = adminKey, headers = {} }: CallOptions = {},
): Promise<Answer> {
  const [method = "", path = ""] = request.split(" ");
  const response = await fetch(url + path, {
    method,
    redirect: "manual",
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const content = contentOf(response.headers.get("content-type") ?? "", text);
  const answer: Answer = {
    status: response.status,
    headers: response.headers,
    text,
    data: content.data,
    next: content.next,
    previous: content.previous,
    problem: response.ok ? {} : content,
  };
  checkAnswer(method, path, answer, content);
  return answer;
}

/** Of a stream, `data` are its lines. */
function contentOf(type: string, text: string) {
  if (type === "application/x-ndjson") return { data: text.split("\n").slice(0, -1).map(parsed) };
  return /json/.test(type) ? parsed(text || "{}") : {};
}

const parsed = (text: string) => JSON.parse(text);

const operations = operationsOf({ dev: true });

/** No answer is outside of the description. */
function checkAnswer(method: string, path: string, { status, problem }: Answer, content: unknown): void {
  const [bare = ""] = path.split("?");
  const here = operations.filter((known) => known.method.toUpperCase() === method);
  const operation =
    here.find((known) => known.path === bare) ?? here.find((known) => matches(known.path, bare));
  if (status >= 400) {
    if (problem.code === undefined) return;
    expect(catalogue[problem.code].status as number).toBe(status);
    expect(problem.type).toBe(`/docs#error-${problem.code}`);
    if (operation !== undefined) expect(errorsOf(operation)).toContain(problem.code);
    return;
  }
  if (operation !== undefined) checkSuccess(operation, status, content);
}

function checkSuccess(operation: Operation, status: number, content: unknown): void {
  const { data, ...rest } = content as Record<string, unknown>;
  expect(status).toBe(operation.status);
  expect(Object.keys(rest).sort()).toEqual(operation.list ? ["next", "previous"] : []);
  // Parsing drops what the schema does not know.
  for (const value of operation.stream ? (data as unknown[]) : [data])
    expect(operation.answer.parse(value)).toEqual(value);
}

function matches(template: string, path: string): boolean {
  const pattern = template.replaceAll(/\{\w+\}/g, "[^/]+");
  return new RegExp(`^${pattern}$`).test(path);
}

/** The answer is this error, and its detail is a sentence that names more than the title does. */
export function expectProblem({ status, problem, headers }: Answer, code: ErrorCode, detail?: RegExp): void {
  expect(problem).toMatchObject({ code, status: catalogue[code].status, title: catalogue[code].title });
  expect(status).toBe(catalogue[code].status);
  expect(headers.get("content-type")).toBe("application/problem+json");
  expect(problem.request_id).toBe(headers.get("x-request-id") ?? "none");
  if (detail !== undefined) expect(problem.detail).toMatch(detail);
}

/** The answer says that exactly these places of the body, or these parameters, are wrong. */
export function expectFaults(answer: Answer, faults: Record<string, RegExp>): void {
  expectProblem(answer, "validation_failed");
  const found = Object.fromEntries(
    (answer.problem.errors ?? []).map((fault) => [
      "pointer" in fault ? fault.pointer : fault.parameter,
      fault.detail,
    ]),
  );
  expect(Object.keys(found).sort()).toEqual(Object.keys(faults).sort());
  for (const [place, detail] of Object.entries(faults)) expect(found[place]).toMatch(detail);
}

export async function metricsOf({ url }: Pick<HttpService, "url">): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

/** Requests that are being answered, the one that asks included. */
export async function requestsInFlight(service: Pick<HttpService, "url">): Promise<number> {
  return Number(/^carillon_http_requests_in_flight (\d+)$/m.exec(await metricsOf(service))?.[1]);
}

/** A notification that is fine, with what a test wants otherwise. */
export const aNotification = (changes: Record<string, unknown> = {}) => ({
  to: "user_1",
  title: "Hello",
  body: "It works.",
  ...changes,
});
