/** What deploy/cdn/cloudflare makes of each path. */
import { expect, test } from "bun:test";
import { matches } from "./cloudflare-rules.ts";
import { secondsOfAnAsset, type Treatment, treatments } from "./rules.ts";
import { type Block, readModule, resourceOf } from "./terraform.ts";

const module = await readModule("cloudflare");
const hostname = "notify.example.com";

const rulesOf = (name: string): Block[] => {
  const { rules, phase, kind } = resourceOf(module, "cloudflare_ruleset", name);
  expect(kind).toBe("zone");
  return rules.map((rule: Block) => ({ ...rule, phase }));
};
const applying = (name: string, request: { host: string; path: string }): Block[] =>
  rulesOf(name).filter(({ expression }) =>
    matches(expression.replaceAll(`\${var.hostname}`, hostname), request),
  );

/** Of the cache rules that match, the last one counts for each setting. */
function treatmentOf(path: string): Treatment {
  const request = { host: hostname, path };
  if (applying("firewall", request).some(({ action }) => action === "block")) return "refused";
  const settings = Object.assign(
    {},
    ...applying("cache", request).map(({ action_parameters }) => action_parameters),
  );
  if (settings.cache === false) return "never";
  if (settings.edge_ttl.mode === "respect_origin") return "page";
  expect(settings.edge_ttl.default).toBe(secondsOfAnAsset);
  return "asset";
}

test.each(Object.entries(treatments))("%s: %s", (path, treatment) => {
  expect(treatmentOf(path)).toBe(treatment);
});

test("other hosts of the zone are left alone", () => {
  for (const path of Object.keys(treatments)) {
    for (const name of ["cache", "firewall"])
      expect(applying(name, { host: "www.example.com", path })).toEqual([]);
  }
});

test("the rules stand in their phases, and every rule has a name that stays", () => {
  expect(rulesOf("cache").every(({ phase }) => phase === "http_request_cache_settings")).toBe(true);
  expect(rulesOf("firewall").every(({ phase }) => phase === "http_request_firewall_custom")).toBe(true);
  expect(rulesOf("compression").every(({ phase }) => phase === "http_response_compression")).toBe(true);
  const refs = ["cache", "firewall", "compression"].flatMap(rulesOf).map(({ ref }) => ref);
  expect(new Set(refs).size).toBe(refs.length);
});

test("what is cached is the same for every query, and browsers are told what the service says", () => {
  const cached = rulesOf("cache").filter(({ action_parameters }) => action_parameters.cache);
  expect(cached).toHaveLength(2);
  for (const { action_parameters } of cached) {
    expect(action_parameters.browser_ttl).toEqual({ mode: "respect_origin" });
    expect(action_parameters.cache_key.custom_key).toEqual({ query_string: { exclude: { all: true } } });
  }
});

test("an asset that is not there is not remembered as missing", () => {
  const assets = rulesOf("cache").find(({ ref }) => ref === "carillon_assets");
  expect(assets?.action_parameters.edge_ttl.status_code_ttl).toEqual([
    { status_code_range: { from: 300, to: 599 }, value: -1 },
  ]);
});

test("paths are normalised before they are compared, and for the origin, too", () => {
  expect(resourceOf(module, "cloudflare_url_normalization_settings", "zone")).toMatchObject({
    type: "cloudflare",
    scope: "both",
  });
});

test("zstd, brotli, HTTP/3, early hints and tiered caching are on", () => {
  const [compression] = rulesOf("compression");
  expect(compression?.action_parameters.algorithms).toEqual([
    { name: "zstd" },
    { name: "brotli" },
    { name: "gzip" },
  ]);
  expect(module.locals.settings).toMatchObject({ http3: "on", early_hints: "on", ssl: "strict" });
  expect(resourceOf(module, "cloudflare_tiered_cache", "zone").value).toBe("on");
  expect(resourceOf(module, "cloudflare_argo_tiered_caching", "zone").value).toBe("on");
});

test("an origin that is not ready gets no requests", () => {
  const monitor = resourceOf(module, "cloudflare_load_balancer_monitor", "ready");
  expect(monitor).toMatchObject({ path: "/readyz", expected_codes: "200", type: "https" });
  expect(resourceOf(module, "cloudflare_load_balancer_pool", "pool").monitor).toContain("monitor.ready.id");
});
