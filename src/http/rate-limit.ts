import type { App } from "../app.ts";
import { ClientError } from "../errors.ts";
import { CacheUnavailable } from "../ports.ts";

const windowSeconds = 60;

/**
 * Counts a request against its key's limit and gives the headers that say what is left
 * (draft-ietf-httpapi-ratelimit-headers-10). While Redis does not answer, RATE_LIMIT_FAIL decides.
 */
export async function countRequest(
  { cache, config }: Pick<App, "cache" | "config">,
  keyId: string,
): Promise<Record<string, string>> {
  const max = config.rateLimitPerMinute;
  if (max === 0) return {};
  try {
    const { allowed, remaining, resetMs } = await cache.rateLimitSlidingWindow(
      `rate:${keyId}`,
      max,
      windowSeconds,
    );
    const resetSeconds = Math.ceil(resetMs / 1000);
    const headers = {
      "ratelimit-policy": `"key";q=${max};w=${windowSeconds}`,
      ratelimit: `"key";r=${remaining};t=${resetSeconds}`,
    };
    if (allowed) return headers;
    throw new ClientError(
      "rate_limited",
      `An API key may make ${max} requests a minute. Repeat this one in ${resetSeconds} s, or send in bulk.`,
      { headers: { ...headers, "retry-after": String(resetSeconds) } },
    );
  } catch (error) {
    if (!(error instanceof CacheUnavailable)) throw error;
    if (config.rateLimitFail === "open") return {};
    throw new ClientError(
      "rate_limit_unavailable",
      "Redis, which counts requests, does not answer. Repeat this one in a moment.",
      { cause: error, headers: { "retry-after": "1" } },
    );
  }
}
