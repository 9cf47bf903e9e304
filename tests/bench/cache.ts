/**
 * What our cache costs beside the bare client: hits a second through `getOrSet` ÷ GETs of ioredis with
 * auto-pipelining and `JSON.parse`, taking turns in one run; and what Redis itself spends on one request of a
 * full rate-limit window. `TEST_REDIS_URL=… bun tests/bench/cache.ts`
 */
import { Redis } from "ioredis";
import { openRedisCache, sharedRedisUrl } from "../adapters/redis-cache.ts";

const rounds = 9;
const roundMs = 700;
const inFlight = 500;
const keys = 1_000;
const limitMax = 60_000;

await using world = await openRedisCache();
const { cache, prefix } = world;
const raw = new Redis(sharedRedisUrl(), { enableAutoPipelining: true });
const value = {
  id: "u_1",
  email: "ana@example.com",
  locale: "en",
  tags: ["a", "b", "c"],
  at: 1_700_000_000_000,
};
const names = Array.from({ length: keys }, (_, index) => `user:${index}`);
await cache.mSet(names.map((key) => ({ key, value, ttlSeconds: 600 })));

const ours = (key: string) => cache.getOrSet(key, () => Promise.reject(new Error("missed")), 600);
const bare = async (key: string) => JSON.parse((await raw.get(`${prefix}v1:{${key}}`)) ?? "");

const results = { bare: [] as Round[], ours: [] as Round[] };
for (let round = 0; round < rounds; round++) {
  results.bare.push(await run(bare));
  results.ours.push(await run(ours));
}
const [b, o] = [median(results.bare), median(results.ours)];
console.log(
  `bare ioredis  ${Math.round(b.perSecond)} hits/s, p95 ${b.p95Ms.toFixed(2)} ms at ${inFlight} in flight`,
);
console.log(
  `getOrSet      ${Math.round(o.perSecond)} hits/s, p95 ${o.p95Ms.toFixed(2)} ms at ${inFlight} in flight`,
);
console.log(`ratio         ${(o.perSecond / b.perSecond).toFixed(2)}`);

const before = await scriptTime();
for (let asked = 0; asked < limitMax * 1.5; asked += inFlight) {
  await Promise.all(
    Array.from({ length: inFlight }, () => cache.rateLimitSlidingWindow("bench", limitMax, 60)),
  );
}
const after = await scriptTime();
const microseconds = (after.usec - before.usec) / (after.calls - before.calls);
const bytes = await raw.memory("USAGE", `${prefix}limit:{bench}`);
console.log(
  `rate limit    ${microseconds.toFixed(1)} µs of Redis's time a request at ${limitMax} a window, ${bytes} bytes`,
);
await raw.quit();

interface Round {
  perSecond: number;
  p95Ms: number;
}

/** Keeps `inFlight` requests under way for a while. */
async function run(get: (key: string) => Promise<unknown>): Promise<Round> {
  const latencies: number[] = [];
  const startMs = performance.now();
  const endMs = startMs + roundMs;
  let at = 0;
  const ask = async () => {
    while (performance.now() < endMs) {
      const askedMs = performance.now();
      await get(names[at++ % keys] as string);
      latencies.push(performance.now() - askedMs);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, ask));
  latencies.sort((a, b) => a - b);
  return {
    perSecond: (latencies.length / (performance.now() - startMs)) * 1_000,
    p95Ms: latencies[Math.floor(latencies.length * 0.95)] ?? 0,
  };
}

function median(all: Round[]): Round {
  return all.toSorted((a, b) => a.perSecond - b.perSecond)[Math.floor(all.length / 2)] as Round;
}

/** All scripts of this server: measure on one that nobody else uses. */
async function scriptTime(): Promise<{ calls: number; usec: number }> {
  const found = /cmdstat_evalsha:calls=(\d+),usec=(\d+)/.exec(await raw.info("commandstats"));
  return { calls: Number(found?.[1] ?? 0), usec: Number(found?.[2] ?? 0) };
}
