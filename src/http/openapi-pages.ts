import { problemResponses, requestIdHeader } from "./openapi-problems.ts";

type Json = Record<string, unknown>;

const statusAnswer = (description: string, example: Json, headers: Json = {}): Json => ({
  description,
  headers: { ...requestIdHeader, ...headers },
  content: {
    "application/json": {
      schema: {
        type: "object",
        required: ["data"],
        properties: {
          data: {
            type: "object",
            required: ["status"],
            properties: {
              status: { type: "string" },
              missing: { type: "string" },
              degraded: { type: "array", items: { type: "string" } },
            },
          },
        },
      },
      example: { data: example },
    },
  },
});

const textAnswer = (type: string, schema: Json, example: unknown): Json => ({
  description: "Done",
  headers: requestIdHeader,
  content: { [type]: { schema, example } },
});

const page = (path: string, id: string, summary: string, responses: Json): [string, Json] => [
  path,
  {
    get: {
      operationId: id,
      tags: ["Operations"],
      summary,
      security: [],
      parameters: [],
      responses: { ...responses, ...problemResponses(["method_not_allowed", "internal_error"]) },
    },
  },
];

const text = { type: "string" };

/** What is not the API itself, as the API's description tells of it. */
export const pagePaths: Record<string, Json> = Object.fromEntries([
  page("/healthz", "getHealth", "Whether the process lives", {
    200: statusAnswer("It does", { status: "alive" }),
  }),
  page("/readyz", "getReadiness", "Whether requests can be taken", {
    200: statusAnswer("They can; `degraded` names what is slower or later meanwhile", {
      status: "ready",
      degraded: [],
    }),
    503: statusAnswer(
      "Not now",
      { status: "not_ready", missing: "database" },
      {
        "Retry-After": { description: "Seconds to wait", schema: { type: "string", pattern: "^[0-9]+$" } },
      },
    ),
  }),
  page("/metrics", "getMetrics", "Metrics, in the text format of Prometheus", {
    200: textAnswer("text/plain", text, 'carillon_notifications_accepted_total{priority="normal"} 42\n'),
  }),
  page("/openapi.json", "getDescription", "This description, in OpenAPI 3.1", {
    200: textAnswer("application/json", { type: "object" }, { openapi: "3.1.0" }),
  }),
  page("/docs", "getDocs", "This description, as a page to read", {
    200: textAnswer("text/html", text, "<!doctype html>"),
  }),
]);
