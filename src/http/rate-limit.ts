import type { App } from "../app.ts";
import { ClientError } from "../errors.ts";
import { CacheUnavailable } from "../ports.ts";
import type { RouteClass } from "./operation.ts";

const windowSeconds = 60;

/**
 * Counts a request against its key's limit for requests of this class and gives the headers that say what is left
 * (draft-ietf-httpapi-ratelimit-headers-10). While Redis does not answer, RATE_LIMIT_FAIL decides.
 */
export async function countRequest(
  { cache, config }: Pick<App, "cache" | "config">,
  keyId: string,
  routeClass: RouteClass,
): Promise<Record<string, string>> {
  const max = maxOf(config, routeClass);
  if (max === 0) return {};
  try {
    const { allowed, remaining, resetMs } = await cache.rateLimitSlidingWindow(
      `rate:${keyId}:${routeClass}`,
      max,
      windowSeconds,
    );
    const resetSeconds = Math.ceil(resetMs / 1000);
    const headers = {
      "ratelimit-policy": `"${routeClass}";q=${max};w=${windowSeconds}`,
      ratelimit: `"${routeClass}";r=${remaining};t=${resetSeconds}`,
    };
    if (allowed) return headers;
    throw new ClientError(
      "rate_limited",
      `An API key may ${words[routeClass]} ${max} times a minute. Repeat this one in ${resetSeconds} s${routeClass === "send" ? ", or send in bulk" : ""}.`,
      { headers: { ...headers, "retry-after": String(resetSeconds) } },
    );
  } catch (error) {
    if (!(error instanceof CacheUnavailable)) throw error;
    if (config.rateLimitFail === "open") return {};
    throw new ClientError(
      "rate_limit_unavailable",
      "Redis, which counts requests, does not answer or cannot count. Repeat this one in a moment.",
      { cause: error, headers: { "retry-after": "1" } },
    );
  }
}

function maxOf(config: App["config"], routeClass: RouteClass): number {
  const { rateLimitPerMinute, rateLimitSendPerMinute, rateLimitReadPerMinute, rateLimitChangePerMinute } =
    config;
  const own = {
    send: rateLimitSendPerMinute,
    read: rateLimitReadPerMinute,
    change: rateLimitChangePerMinute,
  };
  return own[routeClass] ?? rateLimitPerMinute;
}

const words: Record<RouteClass, string> = { send: "send", read: "read", change: "change something" };
