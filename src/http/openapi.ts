import { z } from "zod";
import type { ErrorCode } from "../errors.ts";
import { tracestateMaxChars } from "../trace-context.ts";
import { ndjsonLine } from "./ndjson.ts";
import { pagePaths } from "./openapi-pages.ts";
import {
  problemExamples,
  problemResponses,
  problemSchema,
  rateLimitHeaders,
  requestIdHeader,
} from "./openapi-problems.ts";
import type { Operation } from "./operation.ts";

type Json = Record<string, unknown>;

/** What every call can answer when it is not allowed, not well-formed, or when we are at fault. */
const everywhere: ErrorCode[] = [
  "key_missing",
  "key_unknown",
  "key_revoked",
  "scope_missing",
  "method_not_allowed",
  // Any call refuses a parameter that it does not know.
  "validation_failed",
  "rate_limited",
  "internal_error",
  "rate_limit_unavailable",
  "database_unavailable",
  "overloaded",
  "shutting_down",
];
const withBody: ErrorCode[] = [
  "malformed_json",
  "body_cut_off",
  "json_too_deep",
  "body_too_large",
  "unsupported_media_type",
];
const withIdempotency: ErrorCode[] = [
  "idempotency_key_invalid",
  "idempotency_in_progress",
  "idempotency_mismatch",
];

/** Every error a call can give. */
export function errorsOf({ method, body, idempotent, errors }: Operation): ErrorCode[] {
  return [
    ...everywhere,
    ...(body ? withBody : []),
    ...(idempotent ? withIdempotency : []),
    ...(method === "get" ? [] : (["storage_full"] as const)),
    ...errors,
  ];
}

/** The API's description (OpenAPI 3.1), made from the very schemas that validate. */
export function openApiOf(operations: Operation[]): Json {
  const components = new Map<string, Json>();
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    const path = paths[operation.path] ?? {};
    paths[operation.path] = path;
    path[operation.method] = operationObject(operation, components);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Carillon",
      version: "1",
      description:
        'One call sends a notification; Carillon decides who gets it on which channel and when, gets it there, and can prove what happened. Every successful answer is `{"data": …}`, every error a problem (RFC 9457).',
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ key: [] }],
    tags: [...new Set(operations.map(({ tag }) => tag)), "Operations"].map((name) => ({ name })),
    paths: { ...paths, ...pagePaths },
    components: {
      securitySchemes: {
        key: { type: "http", scheme: "bearer", description: "An API key: `Authorization: Bearer <key>`" },
      },
      schemas: { ...Object.fromEntries(components), Problem: problemSchema },
      examples: problemExamples,
    },
  };
}

function operationObject(operation: Operation, components: Map<string, Json>): Json {
  const { id, tag, summary, description, scope, body, idempotent, traced, examples } = operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: [description, `Scope: \`${scope}\`.`].filter(Boolean).join("\n\n"),
    parameters: [
      ...parametersOf(operation.params, "path", components, examples.params),
      ...parametersOf(operation.query, "query", components),
      ...(idempotent ? [idempotencyParameter] : []),
      ...(traced ? traceParameters : []),
    ],
    ...(body
      ? {
          requestBody: {
            required: true,
            content: {
              "application/json": { schema: jsonSchema(body, "input", components), example: examples.body },
            },
          },
        }
      : {}),
    responses: {
      [operation.status]: operation.stream
        ? streamOf(operation, operation.stream, components)
        : successOf(operation, components),
      ...problemResponses(errorsOf(operation)),
    },
  };
}

const idempotencyParameter = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description:
    "Kept for 24 hours: repeating the request with it gives the same answer and does nothing again.",
  schema: { type: "string", minLength: 1, maxLength: 255, pattern: "^[!-~]([ -~]*[!-~])?$" },
  example: "order-42-shipped",
};

/** As loose as they are taken: one that is not valid is ignored, as W3C asks for. */
const traceParameters = [
  {
    name: "traceparent",
    in: "header",
    required: false,
    description:
      "Your trace (W3C Trace Context), kept with the notification and passed on with its webhooks. One that is not valid is ignored.",
    schema: { type: "string" },
    example: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  },
  {
    name: "tracestate",
    in: "header",
    required: false,
    description: `What vendors add to it, up to ${tracestateMaxChars} characters; passed on along with it.`,
    schema: { type: "string" },
    example: "vendor=t61rcWkgMzE",
  },
];

function parametersOf(
  schema: z.ZodType | undefined,
  place: "path" | "query",
  components: Map<string, Json>,
  example: Record<string, string> = {},
): Json[] {
  if (schema === undefined) return [];
  const { properties, required = [] } = jsonSchema(schema, "input", components) as {
    properties: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    ...(description ? { description } : {}),
    ...(rest.type === "object" ? labelsOf(name, rest) : { schema: rest }),
    ...(example[name] ? { example: example[name] } : {}),
  }));
}

/** A record in a query: each of its keys is a parameter of its own, `metadata.<key>`. */
function labelsOf(name: string, { propertyNames, ...schema }: Json): Json {
  const { pattern } = propertyNames as { pattern: string };
  return {
    style: "form",
    explode: true,
    schema: { ...schema, propertyNames: { pattern: pattern.replace("^", `^${name}\\.`) } },
  };
}

function successOf({ answer, list, examples, idempotent }: Operation, components: Map<string, Json>): Json {
  const cursor = { type: ["string", "null"], description: "For `after` or `before`; null at the end" };
  const data = jsonSchema(answer, "output", components);
  const replayed = { description: "`true` on a repetition", schema: { type: "string", enum: ["true"] } };
  return {
    description: "Done",
    headers: {
      ...requestIdHeader,
      ...rateLimitHeaders,
      ...(idempotent ? { "Idempotency-Replayed": replayed } : {}),
    },
    content: {
      "application/json": {
        schema: {
          type: "object",
          required: list ? ["data", "next", "previous"] : ["data"],
          properties: list ? { data, next: cursor, previous: cursor } : { data },
          additionalProperties: false,
        },
        example: list ? { data: examples.answer, next: null, previous: null } : { data: examples.answer },
      },
    },
  };
}

/** OpenAPI 3.1 has no word for the items of a stream: it is a text, which holds JSON of this schema. */
function streamOf({ answer, examples }: Operation, type: string, components: Map<string, Json>): Json {
  const contentSchema = jsonSchema(answer, "output", components);
  const disposition = { description: "A name to save it by", schema: { type: "string" } };
  return {
    description: "A value a line, each followed by a line feed; none where there is nothing",
    headers: { ...requestIdHeader, "Content-Disposition": disposition },
    content: {
      [type]: {
        schema: { type: "string", contentMediaType: type, contentSchema },
        example: ndjsonLine(examples.answer),
      },
    },
  };
}

/** A schema as JSON Schema; named ones move to the components, and are referred to. */
function jsonSchema(schema: z.ZodType, io: "input" | "output", components: Map<string, Json>): Json {
  const { $schema: _, $defs, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Json;
  for (const [name, definition] of Object.entries(($defs as Record<string, Json> | undefined) ?? {})) {
    components.set(name, plainOf(definition));
  }
  if (typeof rest.id !== "string") return plainOf(rest);
  components.set(rest.id, plainOf(rest));
  return { $ref: `#/components/schemas/${rest.id}` };
}

/** Without its own name, and referring to where named schemas stand. */
function plainOf({ id: _, ...schema }: Json): Json {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/'));
}
