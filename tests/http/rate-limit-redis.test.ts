/** What RATE_LIMIT_FAIL says of requests that nobody can count. */
import { expect, test } from "bun:test";
import { startOwnRedis } from "../adapters/own-redis.ts";
import { eventually } from "../eventually.ts";
import { expectProblem, startHttp } from "./service.ts";

const timeoutMs = 60_000;
const limited = { RATE_LIMIT_PER_MINUTE: "1000", REDIS_TIMEOUT_MS: "1000" };
const isCounted = ({ status, headers }: { status: number; headers: Headers }) =>
  status === 200 && headers.has("ratelimit");

test(
  "open: while Redis is down every request passes, uncounted, and is counted again once it is back",
  async () => {
    await using redis = await startOwnRedis();
    await using service = await startHttp({ ...limited, REDIS_URL: redis.url, RATE_LIMIT_FAIL: "open" });
    const list = () => service.call("GET /v1/notifications");
    expect(isCounted(await list())).toBe(true);

    await redis.kill();
    for (let nth = 0; nth < 3; nth += 1) {
      const { status, headers } = await list();
      expect(status).toBe(200);
      expect(headers.has("ratelimit")).toBe(false);
    }

    await redis.restart();
    await eventually(async () => isCounted(await list()));
  },
  timeoutMs,
);

test(
  "closed: while Redis is down every request is refused with 503, and taken again once it is back",
  async () => {
    await using redis = await startOwnRedis();
    await using service = await startHttp({ ...limited, REDIS_URL: redis.url, RATE_LIMIT_FAIL: "closed" });
    const list = () => service.call("GET /v1/notifications");
    expect(isCounted(await list())).toBe(true);

    await redis.kill();
    for (let nth = 0; nth < 3; nth += 1) {
      const refused = await list();
      expectProblem(refused, "rate_limit_unavailable", /Redis, which counts requests, does not answer/);
      expect(refused.headers.get("retry-after")).toBe("1");
    }
    expect((await service.call("GET /healthz", { key: null })).status).toBe(200);

    await redis.restart();
    await eventually(async () => isCounted(await list()));
  },
  timeoutMs,
);
