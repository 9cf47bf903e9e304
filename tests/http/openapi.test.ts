/** The description says what the service does: it is whole, its examples are true, and so is the page of it. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { catalogue, type ErrorCode } from "../../src/errors.ts";
import { patternWords } from "../../src/http/fields.ts";
import { errorsOf, openApiOf } from "../../src/http/openapi.ts";
import { notificationInput, profileInput } from "../../src/http/schemas.ts";
import { operationsOf } from "../../src/http/server.ts";
import { itemProblemView } from "../../src/http/views.ts";
import { reasons } from "../../src/pipeline/state.ts";
import { eventually } from "../eventually.ts";
import { httpForAll } from "./service.ts";

interface Described {
  operationId: string;
  summary: string;
  parameters: { name: string; in: string; schema: object }[];
  responses: Record<string, { content: Record<string, { example?: unknown; examples?: object }> }>;
}
interface Description {
  paths: Record<string, Record<string, Described>>;
  components: { schemas: Record<string, object>; examples: Record<string, { value: unknown }> };
}

const operations = operationsOf({ dev: true });
const description = openApiOf(operations) as unknown as Description;
const described = Object.values(description.paths).flatMap((path) => Object.values(path));
const codes = Object.keys(catalogue) as ErrorCode[];

const service = httpForAll();

describe.each(operations)("$method $path", (operation) => {
  const { id, body, params, answer, examples } = operation;

  test("has examples that its own schemas take", () => {
    if (body !== undefined) expect(body.safeParse(examples.body).error?.issues).toBeUndefined();
    if (params !== undefined) expect(params.safeParse(examples.params).error?.issues).toBeUndefined();
    expect(answer.parse(examples.answer)).toEqual(examples.answer);
  });

  test("is described with an example of every answer, and every error it can give", () => {
    const found = described.find(({ operationId }) => operationId === id);
    const errors = Object.values(found?.responses ?? {}).flatMap(({ content }) =>
      Object.keys(content["application/problem+json"]?.examples ?? {}),
    );
    expect(errors.sort()).toEqual([...new Set(errorsOf(operation))].sort());
    const [success] = Object.values(found?.responses[operation.status]?.content ?? {});
    if (operation.stream) expect(success?.example).toBe(`${JSON.stringify(examples.answer)}\n`);
    else expect(success?.example).toMatchObject({ data: examples.answer });
  });
});

test("names are unique, and every reference leads somewhere", () => {
  const ids = described.map(({ operationId }) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
  const text = JSON.stringify(description);
  for (const [, kind = "", name = ""] of text.matchAll(/"#\/components\/(\w+)\/(\w+)"/g)) {
    expect(Object.keys(description.components[kind as "schemas"])).toContain(name);
  }
  expect(text).not.toContain("$defs");
});

test("every error has an example that is a problem", () => {
  for (const code of codes) {
    const { value } = description.components.examples[code] ?? {};
    const { instance, request_id, ...problem } = value as Record<string, unknown>;
    expect(itemProblemView.parse(problem)).toEqual(problem as never);
    expect([instance, request_id]).toEqual([expect.any(String), expect.any(String)]);
  }
});

test("a label is a parameter of its own name", () => {
  const parameters = description.paths["/v1/notifications"]?.get?.parameters ?? [];
  expect(parameters.find(({ name }) => name === "metadata")).toMatchObject({
    in: "query",
    style: "form",
    explode: true,
    schema: { propertyNames: { pattern: "^metadata\\.[A-Za-z0-9_.-]{1,64}$" } },
  });
  expect(parameters.find(({ name }) => name === "limit")?.schema).toEqual({
    type: "integer",
    minimum: 1,
    maximum: 100,
    default: 50,
  });
});

describe("what a pattern generates, the service takes:", () => {
  type Property = { pattern?: string; anyOf?: { pattern?: string }[] };
  const schemas = description.components.schemas as Record<string, { properties: Record<string, Property> }>;

  /** Texts of a field that hold to its pattern, and to every limit of length there is. */
  function textsOf(schema: string, name: string): fc.Arbitrary<string> {
    const { pattern, anyOf } = schemas[schema]?.properties[name] ?? {};
    const expression = new RegExp(pattern ?? anyOf?.[0]?.pattern ?? "a pattern is missing", "u");
    return fc.stringMatching(expression).filter((text) => text.length > 0 && text.length <= 200);
  }

  test.each(["phone", "name"])("%s", (name) => {
    const texts = textsOf("UserInput", name);
    fc.assert(fc.property(texts, (text) => profileInput.safeParse({ [name]: text }).success));
  });

  test("to, title and body", () => {
    const input = fc.record({
      to: textsOf("NotificationInput", "to"),
      title: textsOf("NotificationInput", "title"),
      body: textsOf("NotificationInput", "body"),
    });
    fc.assert(fc.property(input, (given) => notificationInput.safeParse(given).success));
  });
});

test("the patterns that have words for people are all there", () => {
  const text = JSON.stringify(description);
  for (const pattern of Object.keys(patternWords)) expect(text).toContain(JSON.stringify(pattern));
});

describe("the served description", () => {
  test("is the same as the one that was tested", async () => {
    const { text, headers } = await service.call("GET /openapi.json", { key: null });
    expect(headers.get("content-type")).toBe("application/json");
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(description)));
  });

  test("has a page with every operation, error, status and reason, and no link that leads nowhere", async () => {
    const { text, headers } = await service.call("GET /docs", { key: null });
    expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
    const anchors = new Set([...text.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id));
    for (const { operationId } of described) expect(anchors).toContain(operationId);
    for (const code of codes) expect(anchors).toContain(`error-${code}`);
    for (const reason of Object.keys(reasons)) expect(text).toContain(`<code>${reason}</code>`);
    for (const [, target] of text.matchAll(/href="#([^"]+)"/g)) expect(anchors).toContain(target ?? "");
  });

  test("has curl examples that are taken as they stand", async () => {
    const { text } = await service.call("GET /docs");
    const commands = [...text.matchAll(/<pre>(curl [\s\S]*?)<\/pre>/g)].map(([, command = ""]) =>
      unescaped(command),
    );
    expect(commands.length).toBeGreaterThanOrEqual(described.length);
    for (const command of commands) {
      const { status } = await requestOf(command);
      // The examples' ids are nobody's; but nothing is refused as malformed.
      expect([200, 201, 202, 404, 409], command).toContain(status);
    }
  });
});

/** Does what a curl command says, as far as the page writes them. */
function requestOf(command: string) {
  const [, path = ""] = /http:\/\/localhost:3000(\S+)/.exec(command) ?? [];
  const [, body] = /-d '([\s\S]*)'/.exec(command) ?? [];
  const [, method = body === undefined ? "GET" : "POST"] = /-X (\w+)/.exec(command) ?? [];
  const headers = [...command.matchAll(/-H "([^:"]+): ([^"]+)"/g)].map(([, name = "", value = ""]) => [
    name.toLowerCase(),
    value.replace("$CARILLON_KEY", service.adminKey),
  ]);
  return service.call(`${method} ${path as `/${string}`}`, {
    key: null,
    headers: Object.fromEntries(headers),
    ...(body === undefined ? {} : { body: body.replaceAll("'\\''", "'") }),
  });
}

const unescaped = (text: string) =>
  text
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");

describe("operations", () => {
  test("health, readiness and metrics need no key", async () => {
    expect((await service.call("GET /healthz", { key: null })).data).toEqual({ status: "alive" });
    expect((await service.call("GET /readyz", { key: null })).data).toEqual({
      status: "ready",
      degraded: [],
    });
    const { text } = await service.call("GET /metrics", { key: null });
    expect(text).toContain('carillon_http_request_seconds_count{method="GET",route="/healthz",status="200"}');
  });

  test("a browser finds the page and an icon", async () => {
    expect((await service.call("GET /", { key: null })).headers.get("location")).toBe("/docs");
    expect((await service.call("GET /favicon.ico", { key: null })).headers.get("content-type")).toBe(
      "image/svg+xml",
    );
  });

  test("the sandbox page shows a message as text, never as markup", async () => {
    const body = {
      to: { user_id: "x", email: "x@example.com" },
      title: "<b>t</b>",
      body: "<script>1</script>",
    };
    await service.call("POST /v1/notifications", { body });
    const shown = await pageWith("&lt;b&gt;t&lt;/b&gt;");
    expect(shown).toContain("&lt;script&gt;1&lt;/script&gt;");
    expect(shown).not.toContain("<script>");
  });
});

/** The sandbox page, once this is on it. */
const pageWith = (content: string) =>
  eventually(async () => {
    const { text } = await service.call("GET /sandbox");
    return text.includes(content) && text;
  });
