import type { z } from "zod";
import type { KeyRow } from "../../db/queries/keys.ts";
import type { App } from "../app.ts";
import type { ErrorCode } from "../errors.ts";
import type { Recalled } from "../pipeline/repeats.ts";
import type { RequestFacts } from "../telemetry-wide.ts";
import type { ndjsonType } from "./ndjson.ts";

/** What a key may do. `admin` may do everything. */
export const scopes = ["admin", "send", "read"] as const;
export type Scope = (typeof scopes)[number];

/** A key that was checked: who asks, and for which project. */
export type Caller = KeyRow & { test: boolean };

export interface Idempotency {
  key: string;
  requestHash: string;
  /** An earlier request in it has another hash: a repetition of one with the same is answered before its body is parsed. */
  recalled: Recalled;
}

export interface Call<Params, Query, Body> {
  app: App;
  caller: Caller;
  params: Params;
  query: Query;
  body: Body;
  /** The Idempotency-Key header with a hash of route and body, where one was given. */
  idempotency: Idempotency | null;
  /** What is known of the request, for its line of logging: what it did is added. */
  facts: RequestFacts;
}

/** What is answered: `{"data": …}`, with cursors for a list. A Response is passed on as it is. */
export type Reply = { data: unknown; next?: string | null; previous?: string | null } | Response;

/**
 * One call of the API, declared once: the router, the validation, the authorisation and the OpenAPI
 * description are all made from it.
 */
export interface Operation {
  id: string;
  method: "get" | "post" | "put" | "patch" | "delete";
  /** As OpenAPI writes it: `/v1/users/{id}`. */
  path: string;
  tag: "Notifications" | "Users" | "Inbox" | "Deliveries" | "Keys" | "Sandbox";
  summary: string;
  description?: string;
  scope: Scope;
  params?: z.ZodType;
  query?: z.ZodType;
  body?: z.ZodType;
  /** Takes the larger body limit. */
  bulk?: true;
  /** Takes an Idempotency-Key. */
  idempotent?: true;
  /** Takes a traceparent. */
  traced?: true;
  /** Only where there is a sandbox. */
  devOnly?: true;
  status: 200 | 201 | 202;
  /** What stands under `data`; of a stream, one of its lines. */
  answer: z.ZodType;
  list?: true;
  /** Answers line by line, in this media type, rather than at once. */
  stream?: typeof ndjsonType;
  examples: { body?: unknown; params?: Record<string, string>; answer: unknown };
  /** Beyond those that every call can give. */
  errors: ErrorCode[];
  handle(call: Call<never, never, never>): Promise<Reply>;
}

/** What a call is to limits: it sends, it reads, or it changes what is kept. */
export type RouteClass = "send" | "read" | "change";

export function classOf({ method, idempotent }: Operation): RouteClass {
  if (method === "get") return "read";
  return idempotent ? "send" : "change";
}

type Parsed<Schema> = Schema extends z.ZodType ? z.output<Schema> : Record<string, never>;

interface TypedOperation<Params, Query, Body>
  extends Omit<Operation, "params" | "query" | "body" | "handle"> {
  params?: Params;
  query?: Query;
  body?: Body;
  handle(call: Call<Parsed<Params>, Parsed<Query>, Parsed<Body>>): Promise<Reply>;
}

/** Declares a call; its handler sees what its schemas parsed, which the list of all calls cannot name for each. */
export function operation<
  Params extends z.ZodType | undefined = undefined,
  Query extends z.ZodType | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
>(declared: TypedOperation<Params, Query, Body>): Operation {
  return declared as Operation;
}
