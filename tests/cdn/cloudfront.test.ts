/** What deploy/cdn/cloudfront makes of each path: its gate is run, its behaviours are compared in their order. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { secondsOfAnAsset, type Treatment, treatments } from "./rules.ts";
import { type Block, readModule, resourceOf } from "./terraform.ts";

const module = await readModule("cloudfront");
const distribution = resourceOf(module, "aws_cloudfront_distribution", "carillon");
const [cachedBehavior] = distribution.dynamic.ordered_cache_behavior[0].content as Block[];
const [defaultBehavior] = distribution.default_cache_behavior as Block[];
const policy = (name: string) => resourceOf(module, "aws_cloudfront_cache_policy", name);

type Gate = (event: { request: { uri: string } }) => { uri: string } | { statusCode: number };
const gateFile = join(import.meta.dir, "../../deploy/cdn/cloudfront/gate.js");
const gate = new Function(`${await Bun.file(gateFile).text()}; return handler;`)() as Gate;
const statusOf = (uri: string) => {
  const answer = gate({ request: { uri } });
  return "statusCode" in answer ? answer.statusCode : null;
};

function treatmentOf(path: string): Treatment {
  if (statusOf(path) !== null) return "refused";
  const cached = Object.entries(module.locals.cached as Record<string, string>);
  const [, policyId] = cached.find(([pattern]) => new Bun.Glob(pattern).match(path)) ?? [];
  if (!policyId) return "never";
  return policyId.includes("cache_policy.assets.id") ? "asset" : "page";
}

test.each(Object.entries(treatments))("%s: %s", (path, treatment) => {
  expect(treatmentOf(path)).toBe(treatment);
});

test("what is not named is never cached, and passed on with all that the client sent", () => {
  expect(defaultBehavior?.cache_policy_id).toContain("data.aws_cloudfront_cache_policy.nothing.id");
  expect(defaultBehavior?.origin_request_policy_id).toContain("origin_request_policy.everything.id");
  expect(defaultBehavior?.allowed_methods).toContain("POST");
  expect(module.files["policies.tf"]).toContain(`"Managed-CachingDisabled"`);
  expect(module.files["policies.tf"]).toContain(`"Managed-AllViewerExceptHostHeader"`);
});

test("no error is kept: by default each is for 10 s, the API's among them", () => {
  const [{ for_each, content }] = distribution.dynamic.custom_error_response;
  expect(for_each).toEqual([400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504]);
  expect(content[0].error_caching_min_ttl).toBe(0);
});

test("assets are kept for 30 days, pages for minutes, and neither if the service says no-store", () => {
  expect(policy("assets")).toMatchObject({ min_ttl: 0, default_ttl: 0, max_ttl: secondsOfAnAsset });
  expect(policy("pages")).toMatchObject({ min_ttl: 0, default_ttl: 0, max_ttl: 300 });
});

test("what is cached is asked for without query, key and cookie, in each coding", () => {
  expect(cachedBehavior).not.toHaveProperty("origin_request_policy_id");
  expect(cachedBehavior?.allowed_methods).toEqual(["GET", "HEAD"]);
  for (const name of ["assets", "pages"]) {
    expect(policy(name).parameters_in_cache_key_and_forwarded_to_origin).toEqual([
      {
        enable_accept_encoding_brotli: true,
        enable_accept_encoding_gzip: true,
        cookies_config: [{ cookie_behavior: "none" }],
        headers_config: [{ header_behavior: "none" }],
        query_strings_config: [{ query_string_behavior: "none" }],
      },
    ]);
  }
});

test("origins are shielded, and only what is read may be asked of a second one", () => {
  const [origin] = distribution.dynamic.origin[0].content;
  expect(origin.origin_shield[0].enabled).toBe(true);
  expect(distribution.origin_group[0].member).toHaveLength(2);
  expect(cachedBehavior?.target_origin_id).toBe(`\${local.group}`);
  expect(defaultBehavior?.target_origin_id).toBe(`\${var.origins[0]}`);
  expect(distribution.http_version).toBe("http2and3");
});

describe("the gate", () => {
  test("is before every behaviour", () => {
    for (const behavior of [cachedBehavior, defaultBehavior]) {
      expect(behavior?.function_association).toEqual([
        { event_type: "viewer-request", function_arn: `\${aws_cloudfront_function.gate.arn}` },
      ]);
    }
  });

  test.each([
    "/metrics",
    "//metrics",
    "/%6detrics",
    "/metrics/",
    "/x\\..\\metrics",
    "/v1/../metrics",
    "/v1/%2e%2e/metrics",
    "/assets/..\\v1\\notifications",
    "/assets/.%2E/v1/notifications",
    "/./metrics",
    "/%",
  ])("refuses %s", (uri) => {
    expect(statusOf(uri)).toBeOneOf([400, 404]);
  });

  test.each([
    "/v1/users/CORP%5Cana/inbox",
    "/v1/users/a%2Fb/inbox",
    "/v1/users/metrics",
    "/v1/users/%C3%A9",
    "/docs",
  ])("lets %s through as it is", (uri) => {
    const request = { uri };
    expect(gate({ request })).toBe(request);
    expect(request.uri).toBe(uri);
  });
});
