import { z } from "zod";
import { catalogue, type ErrorCode } from "../errors.ts";
import type { Operation } from "./operation.ts";

type Json = Record<string, unknown>;

/** What every call can answer when it is not allowed, not well-formed, or when we are at fault. */
const everywhere: ErrorCode[] = [
  "key_missing",
  "key_unknown",
  "key_revoked",
  "scope_missing",
  "method_not_allowed",
  "internal_error",
  "shutting_down",
];
const withInput: ErrorCode[] = ["validation_failed"];
const withBody: ErrorCode[] = ["malformed_json", "json_too_deep", "body_too_large", "unsupported_media_type"];
const withIdempotency: ErrorCode[] = [
  "idempotency_key_invalid",
  "idempotency_in_progress",
  "idempotency_mismatch",
];

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
    },
    servers: [{ url: "/" }],
    security: [{ key: [] }],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        key: { type: "http", scheme: "bearer", description: "An API key: `Authorization: Bearer <key>`" },
      },
      schemas: { ...Object.fromEntries(components), Problem: problemSchema },
    },
  };
}

const problemSchema = {
  type: "object",
  description: "RFC 9457",
  required: ["type", "title", "status", "detail", "code", "instance", "request_id"],
  properties: {
    type: { type: "string", format: "uri-reference" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    code: { type: "string", enum: Object.keys(catalogue) },
    instance: { type: "string" },
    request_id: { type: "string" },
    errors: {
      type: "array",
      items: {
        type: "object",
        properties: {
          pointer: { type: "string", description: "JSON pointer into the body, as a URI fragment" },
          parameter: { type: "string" },
          detail: { type: "string" },
        },
        required: ["detail"],
      },
    },
  },
};

function operationObject(operation: Operation, components: Map<string, Json>): Json {
  const { id, tag, summary, description, scope, body, idempotent, examples } = operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: [description, `Scope: \`${scope}\`.`].filter(Boolean).join("\n\n"),
    parameters: [
      ...parametersOf(operation.params, "path", components, examples.params),
      ...parametersOf(operation.query, "query", components),
      ...(idempotent ? [idempotencyParameter] : []),
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
    responses: responsesOf(operation, components),
  };
}

const idempotencyParameter = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description:
    "Kept for 24 hours: repeating the request with it gives the same answer and does nothing again.",
  schema: { type: "string", minLength: 1, maxLength: 255, pattern: "^[ -~]+$" },
};

function parametersOf(
  schema: z.ZodType | undefined,
  place: "path" | "query",
  components: Map<string, Json>,
  example: Record<string, string> = {},
): Json[] {
  if (schema === undefined) return [];
  const {
    properties = {},
    required = [],
    additionalProperties,
  } = jsonSchema(schema, "input", components) as {
    properties?: Record<string, Json>;
    required?: string[];
    additionalProperties?: unknown;
  };
  const parameters: Json[] = Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    ...(description ? { description } : {}),
    schema: rest,
    ...(example[name] ? { example: example[name] } : {}),
  }));
  if (typeof additionalProperties === "object") {
    parameters.push({
      name: "metadata",
      in: "query",
      required: false,
      style: "form",
      explode: true,
      description: "Labels to filter by, each as `metadata.<key>=value`",
      schema: {
        type: "object",
        propertyNames: { pattern: "^metadata\\.[A-Za-z0-9_.-]{1,64}$" },
        additionalProperties: { type: "string", maxLength: 500 },
      },
    });
  }
  return parameters;
}

function responsesOf(operation: Operation, components: Map<string, Json>): Json {
  const { status, answer, list, examples, idempotent } = operation;
  const cursor = { type: ["string", "null"], description: "For `after` or `before`; null at the end" };
  const data = jsonSchema(answer, "output", components);
  const responses: Record<string, Json> = {
    [status]: {
      description: "Done",
      headers: {
        "X-Request-Id": { schema: { type: "string" } },
        ...(idempotent
          ? { "Idempotency-Replayed": { description: "`true` on a repetition", schema: { type: "string" } } }
          : {}),
      },
      content: {
        "application/json": {
          schema: {
            type: "object",
            required: list ? ["data", "next", "previous"] : ["data"],
            properties: list ? { data, next: cursor, previous: cursor } : { data },
          },
          example: list ? { data: examples.answer, next: null, previous: null } : { data: examples.answer },
        },
      },
    },
  };
  const codes = errorsOf(operation);
  for (const problemStatus of new Set(codes.map((code) => catalogue[code].status))) {
    const here = codes.filter((code) => catalogue[code].status === problemStatus);
    responses[problemStatus] = {
      description: here.map((code) => `\`${code}\`: ${catalogue[code].title}`).join(". "),
      content: {
        "application/problem+json": {
          schema: { $ref: "#/components/schemas/Problem" },
          examples: Object.fromEntries(
            here.map((code) => [code, { value: problemExample(code, operation.path) }]),
          ),
        },
      },
    };
  }
  return responses;
}

/** Every error a call can give. */
export function errorsOf({ body, params, query, idempotent, errors }: Operation): ErrorCode[] {
  return [
    ...everywhere,
    ...withInput.filter(() => body !== undefined || params !== undefined || query !== undefined || true),
    ...(body ? withBody : []),
    ...(idempotent ? withIdempotency : []),
    ...errors,
  ];
}

function problemExample(code: ErrorCode, instance: string): Json {
  const { status, title } = catalogue[code];
  const requestId = "019e1a2b-3c4d-7000-8000-000000000001";
  return { type: `/docs#error-${code}`, title, status, detail: title, code, instance, request_id: requestId };
}

/** A schema as JSON Schema; named ones move to the components, and are referred to. */
function jsonSchema(schema: z.ZodType, io: "input" | "output", components: Map<string, Json>): Json {
  const { $schema: _, $defs, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Json;
  const named: Record<string, Json> = { ...($defs as Record<string, Json> | undefined) };
  for (const [name, definition] of Object.entries(named)) {
    const { id: _id, ...plain } = definition;
    components.set(name, withReferences(plain));
  }
  const { id, ...plain } = rest;
  if (typeof id !== "string") return withReferences(plain);
  components.set(id, withReferences(plain));
  return { $ref: `#/components/schemas/${id}` };
}

function withReferences(schema: Json): Json {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/'));
}
