/** How often a key may call, and how it is told. That the window slides is the cache's contract. */
import { expect, test } from "bun:test";
import { aNotification, expectProblem, startHttp } from "./service.ts";

test("a key that made its requests is refused, told when to come back, and does not hold up another key", async () => {
  await using service = await startHttp({ RATE_LIMIT_PER_MINUTE: "5" });
  const key = await service.makeKey();
  const other = await service.makeKey();

  for (const remaining of [4, 3, 2, 1, 0]) {
    const { status, headers } = await service.call("POST /v1/notifications", { key, body: aNotification() });
    expect(status).toBe(202);
    expect(headers.get("ratelimit-policy")).toBe('"send";q=5;w=60');
    expect(headers.get("ratelimit")).toStartWith(`"send";r=${remaining};t=`);
  }
  const refused = await service.call("POST /v1/notifications", { key, body: aNotification() });

  expectProblem(refused, "rate_limited", /may send 5 times a minute.*send in bulk/);
  const waitSeconds = Number(refused.headers.get("retry-after"));
  expect(waitSeconds).toBeGreaterThan(50);
  expect(waitSeconds).toBeLessThanOrEqual(61); // The window's resolution is a thousandth of it.
  expect(refused.headers.get("ratelimit")).toBe(`"send";r=0;t=${waitSeconds}`);
  expect((await service.call("GET /v1/notifications", { key: other })).status).toBe(200);
  expect((await service.call("GET /v1/notifications", { key: other })).data).toHaveLength(5);
});

test("sending, reading and changing are counted apart, each against its own number where it has one", async () => {
  await using service = await startHttp({
    RATE_LIMIT_PER_MINUTE: "3",
    RATE_LIMIT_READ_PER_MINUTE: "1",
    RATE_LIMIT_CHANGE_PER_MINUTE: "0",
  });
  const policyOf = async (request: `${string} /${string}`, body?: object) => {
    const { status, headers } = await service.call(request, { ...(body && { body }) });
    return [status, headers.get("ratelimit-policy")];
  };
  const user = { email: "ana@example.com" };

  expect(await policyOf("GET /v1/notifications")).toEqual([200, '"read";q=1;w=60']);
  expect(await policyOf("GET /v1/keys")).toEqual([429, '"read";q=1;w=60']);
  for (const status of [202, 202, 202, 429]) {
    expect(await policyOf("POST /v1/notifications", aNotification())).toEqual([status, '"send";q=3;w=60']);
  }
  const bulk = { notifications: [aNotification()] };
  expect(await policyOf("POST /v1/notifications/bulk", bulk)).toEqual([429, '"send";q=3;w=60']);
  for (let nth = 0; nth < 4; nth += 1) expect(await policyOf("PUT /v1/users/ana", user)).toEqual([200, null]);
});

test("what is not the API, and a key that does not exist, count against nobody", async () => {
  await using service = await startHttp({ RATE_LIMIT_PER_MINUTE: "2" });
  for (let nth = 0; nth < 5; nth += 1) {
    expect((await service.call("GET /healthz", { key: null })).status).toBe(200);
    expectProblem(await service.call("GET /v1/keys", { key: "crl_live_nobody" }), "key_unknown");
  }
  expect((await service.call("GET /v1/keys")).status).toBe(200);
});

test("0 sets no limit, and the answers speak of none", async () => {
  await using service = await startHttp({ RATE_LIMIT_PER_MINUTE: "0" });
  const { status, headers } = await service.call("GET /v1/notifications");
  expect(status).toBe(200);
  expect(headers.get("ratelimit-policy")).toBeNull();
});
