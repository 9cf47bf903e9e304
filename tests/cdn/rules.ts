/** What a CDN before Carillon does with a path: the same for nginx, Cloudflare and CloudFront. */

/**
 * `asset`: 30 days at the edge, a year in browsers. `page`: as long as the service says. `never`: passed on each time.
 * `refused`: not passed on at all.
 */
export type Treatment = "asset" | "page" | "never" | "refused";

export const secondsOfAnAsset = 30 * 86_400;

/** Paths as a client may write them; each CDN is asked for all of them. */
export const treatments: Record<string, Treatment> = {
  "/assets/page.0123456789abcdef.css": "asset",
  "/assets/bell.AZaz09-_AZaz09-_.svg": "asset",
  "/docs": "page",
  "/openapi.json": "page",
  "/favicon.ico": "page",
  "/": "never",
  "/healthz": "never",
  "/readyz": "never",
  "/sandbox": "never",
  "/v1/notifications": "never",
  "/v1/notifications/x.css": "never",
  "/v1/notifications/export": "never",
  "/v1/assets/page.0123456789abcdef.css": "never",
  "/v1/docs": "never",
  "/docs/x.css": "never",
  "/metrics": "refused",
  "/metrics/x.css": "refused",
};
