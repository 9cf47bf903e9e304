import { cors } from "hono/cors";

/** How long a browser may remember what is allowed. */
const maxAgeSeconds = 600;

/** Lets pages of these origins call the API from a browser (CORS), with a key in their own hands: no cookie is ever taken. */
export const crossOrigin = (origins: string[]) =>
  cors({
    origin: origins,
    allowMethods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
    allowHeaders: [
      "authorization",
      "content-type",
      "idempotency-key",
      "traceparent",
      "tracestate",
      "x-request-id",
    ],
    exposeHeaders: ["idempotency-replayed", "ratelimit", "ratelimit-policy", "retry-after", "x-request-id"],
    maxAge: maxAgeSeconds,
  });
