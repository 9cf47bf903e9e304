import { createHash } from "node:crypto";
import type { Context, Handler } from "hono";
import type { Coding, Compression, Encoded } from "./compression.ts";
import { codingFor } from "./compression.ts";

/** How long caches may keep something: an address that has its content's hash in it means the same for ever. */
export const cacheControls = {
  immutable: "public, max-age=31536000, immutable",
  short: "public, max-age=300",
};

interface Fixed {
  text: string;
  headers: Record<string, string>;
  cacheControl: string;
}

/**
 * Answers with a text that never changes while the process runs: compressed once for each coding, and not sent to those
 * that have it (ETag and If-None-Match, RFC 9110 §8.8.3 and §13.1.2).
 */
export function fixed({ text, headers, cacheControl }: Fixed, compression: Compression): Handler {
  const etag = `"${hashOf(text)}"`;
  const known = new Map<Coding | null, Promise<Encoded>>();
  const encoded = (acceptEncoding: string | null) => {
    const coding = codingFor(acceptEncoding);
    const made = known.get(coding) ?? compression.encode(text, acceptEncoding);
    known.set(coding, made);
    return made;
  };
  return async (context: Context) => {
    const { body, headers: ofCoding } = await encoded(context.req.header("accept-encoding") ?? null);
    const all = { ...headers, ...ofCoding, etag: weakened(etag, ofCoding), "cache-control": cacheControl };
    if (matches(context.req.header("if-none-match"), etag)) {
      return new Response(null, { status: 304, headers: all });
    }
    return new Response(body, { headers: all });
  };
}

/** Of the content, short enough for an address. */
export const hashOf = (text: string) => createHash("sha256").update(text).digest("base64url").slice(0, 16);

/** Compressed, it is the same text in other bytes. */
const weakened = (etag: string, ofCoding: Record<string, string>) =>
  "content-encoding" in ofCoding ? `W/${etag}` : etag;

/** By the weak comparison, as If-None-Match asks for. */
const matches = (header: string | undefined, etag: string) =>
  (header ?? "").split(",").some((one) => one.trim() === "*" || one.trim().replace(/^W\//, "") === etag);
