/** Redis by other addresses: TLS, and a cluster. */
import { afterAll, expect, test } from "bun:test";
import { issueCertificates } from "../channels/certificates.ts";
import { eventually, holdsUntil } from "../eventually.ts";
import { startRedis } from "../services/own-server.ts";
import { freePorts } from "../services/ports.ts";
import { tempFolder } from "../temp-folder.ts";
import { cacheContract } from "./cache.contract.ts";
import { staleContract } from "./cache-stale.contract.ts";
import { type OwnRedis, startOwnRedis } from "./own-redis.ts";
import { openRedisCache } from "./redis-cache.ts";

test("rediss:// speaks TLS, with an authority of one's own by ?ca=, and with no other", async () => {
  await using folder = tempFolder();
  const { ca, issued } = await issueCertificates("localhost");
  await Bun.write(`${folder.path}/ca.pem`, ca);
  await Bun.write(`${folder.path}/cert.pem`, issued.localhost.cert);
  await Bun.write(`${folder.path}/key.pem`, issued.localhost.key);
  const [tlsPort] = freePorts(1);
  await using _server = await startRedis([
    ...["--tls-port", String(tlsPort), "--tls-auth-clients", "no"],
    ...["--tls-cert-file", `${folder.path}/cert.pem`, "--tls-key-file", `${folder.path}/key.pem`],
    ...["--tls-ca-cert-file", `${folder.path}/ca.pem`],
  ]);
  const url = `rediss://localhost:${tlsPort}`;
  await using trusting = await openRedisCache({
    redisUrl: `${url}?ca=${encodeURIComponent(`${folder.path}/ca.pem`)}`,
  });
  expect(trusting.logged).toEqual([]);
  await trusting.cache.mSet([{ key: "user:1", value: "kept", ttlSeconds: 60 }]);
  expect(await trusting.cache.mGet<string>(["user:1"])).toEqual(["kept"]);
  expect(await trusting.cache.acquireLock("lock", 60)).not.toBeNull();

  await using wary = await openRedisCache({ redisUrl: url });
  expect(wary.cache.available()).toBe(false);
  expect(wary.logged[0]?.reason).toMatch(/certificate/i);
});

const servers = await startCluster();
const [cluster] = servers;
afterAll(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]();
});
const open = (redisPrefix?: string) =>
  openRedisCache({ redisUrl: `${cluster.url}?cluster=1`, ...(redisPrefix && { redisPrefix }) });

cacheContract("Redis cluster", async () => (await open()).cache);

staleContract("several processes on one Redis cluster", async () => {
  const first = await open();
  return [first, await open(first.prefix)].map(({ cache }) => cache);
});

test("a cluster whose server is gone, the URL's own, is used again once it is whole", async () => {
  await using world = await open();
  const keys = Array.from({ length: 100 }, (_, index) => `user:${index}`);
  const fetchAll = () => world.cache.mGetOrSet(keys, async (missing) => missing, 60);
  expect(await fetchAll()).toEqual(keys);
  await cluster.kill();
  await holdsUntil(
    () => !world.cache.available(),
    async () => expect(await fetchAll()).toEqual(keys),
  );
  await world.cache.delete(keys);
  await cluster.restart();
  await eventually(() => world.cache.available());
  expect(new Set(await world.cache.mGet(keys))).toEqual(new Set([undefined]));
}, 20_000);

/** Three servers that share the slots. */
async function startCluster(): Promise<[OwnRedis, OwnRedis, OwnRedis]> {
  // By itself each would take 10,000 beyond its own for the others, where outgoing connections have theirs.
  const busPorts = freePorts(3);
  const start = (nth: number) =>
    startOwnRedis([
      ...["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"],
      ...["--cluster-port", String(busPorts[nth])],
    ]);
  const servers = await Promise.all([start(0), start(1), start(2)]);
  const [first] = servers;
  for (const [index, { admin }] of servers.entries()) {
    await admin.cluster("ADDSLOTSRANGE", index * 5_462, Math.min(16_383, index * 5_462 + 5_461));
    await admin.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
  }
  for (const [index, { port }] of servers.entries()) {
    if (index > 0) await first.admin.call("CLUSTER", "MEET", "127.0.0.1", port, String(busPorts[index]));
  }
  for (const { admin } of servers) {
    await eventually(async () => {
      const info = String(await admin.cluster("INFO"));
      return info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:3");
    });
  }
  return servers;
}
