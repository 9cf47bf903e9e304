import { ClientError, catalogue, type ErrorCode, type Problem, problemOf } from "../errors.ts";
import { validationError } from "./problem.ts";

type Json = Record<string, unknown>;

/** How errors look in the API's description. */

const faultSchema = {
  type: "object",
  required: ["detail"],
  properties: {
    pointer: { type: "string", description: "JSON pointer into the body, as a URI fragment (RFC 6901 §6)" },
    parameter: { type: "string", description: "The parameter of path or query" },
    detail: { type: "string" },
  },
};

export const problemSchema = {
  type: "object",
  description: "What went wrong (RFC 9457)",
  required: ["type", "title", "status", "detail", "code", "instance", "request_id"],
  properties: {
    type: { type: "string", format: "uri-reference", description: "Where the code is explained" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "What exactly is wrong, and what to do about it" },
    code: { type: "string", enum: Object.keys(catalogue), description: "What a program decides by" },
    instance: { type: "string", description: "The path of the request" },
    request_id: { type: "string", description: "Name it when you report the problem" },
    errors: { type: "array", items: faultSchema, description: "Each fault with its place" },
  },
};

const retryAfter = {
  "Retry-After": { description: "Seconds to wait", schema: { type: "string", pattern: "^[0-9]+$" } },
};

/** draft-ietf-httpapi-ratelimit-headers-10; not sent where there is no limit. */
export const rateLimitHeaders = {
  "RateLimit-Policy": {
    description: "The key's quota, and its window in seconds",
    schema: { type: "string" },
  },
  RateLimit: { description: "What is left, and seconds until there is more", schema: { type: "string" } },
};

/** Headers that come with a status, whatever its code. */
const headersOf: Record<number, Json> = {
  401: {
    "WWW-Authenticate": { description: "The challenge (RFC 9110 §11.6.1)", schema: { type: "string" } },
  },
  405: { Allow: { description: "The methods that are taken", schema: { type: "string" } } },
  429: { ...retryAfter, ...rateLimitHeaders },
  503: retryAfter,
  507: retryAfter,
};

export const requestIdHeader = {
  "X-Request-Id": {
    description: "Yours, if you sent one, else one of ours",
    required: true,
    schema: { type: "string" },
  },
};

/** The answers that these codes give, one a status, with an example a code. */
export function problemResponses(codes: ErrorCode[]): Record<string, Json> {
  const responses: Record<string, Json> = {};
  for (const status of new Set(codes.map((code) => catalogue[code].status))) {
    const here = codes.filter((code) => catalogue[code].status === status);
    responses[status] = {
      description: here.map((code) => `\`${code}\`: ${catalogue[code].title}`).join(". "),
      headers: { ...requestIdHeader, ...headersOf[status] },
      content: {
        "application/problem+json": {
          schema: { $ref: "#/components/schemas/Problem" },
          examples: Object.fromEntries(here.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
        },
      },
    };
  }
  return responses;
}

/** An example of each error, by its code. */
export const problemExamples: Record<string, { value: Problem }> = Object.fromEntries(
  Object.keys(catalogue).map((code) => [code, { value: problemExample(code as ErrorCode) }]),
);

function problemExample(code: ErrorCode): Problem {
  const error =
    code === "validation_failed"
      ? validationError([{ pointer: "#/title", detail: "is missing" }])
      : new ClientError(code, `${catalogue[code].title}.`);
  return {
    ...problemOf(error),
    instance: "/v1/notifications",
    request_id: "019e1a2b-3c4d-7000-8000-000000000001",
  };
}
