import type { EarlierRequest } from "../pipeline/accept.ts";
import type { RequestFacts } from "../telemetry-wide.ts";
import type { Compression } from "./compression.ts";
import type { Operation, Reply } from "./operation.ts";

interface Sending {
  /** What is left of the caller's limits, as headers. */
  limits: Record<string, string>;
  acceptEncoding: string | null;
  compression: Compression;
  /** Learns how long the answer is, where that is known. */
  facts: RequestFacts;
}

const dataHeaders = { "content-type": "application/json", "cache-control": "private, no-store" };

/** A call's answer as it is sent. */
export async function responseOf(
  { status }: Operation,
  reply: Reply,
  { limits, acceptEncoding, compression, facts }: Sending,
): Promise<Response> {
  if (reply instanceof Response) {
    if (reply.body === null) return reply;
    const { body, headers } = compression.encodeStream(reply.body, acceptEncoding);
    for (const [name, value] of Object.entries({ ...headers, ...limits })) reply.headers.set(name, value);
    return new Response(body, reply);
  }
  const { body, headers } = await compression.encode(JSON.stringify(reply), acceptEncoding);
  facts.bytesOut = typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
  return new Response(body, { status, headers: { ...dataHeaders, ...headers, ...limits } });
}

/** The answer that the first request with this Idempotency-Key got, to the byte. */
export const replayOf = ({ response }: EarlierRequest): Response =>
  new Response(response, {
    status: 202,
    headers: { "content-type": "application/json", "idempotency-replayed": "true" },
  });
