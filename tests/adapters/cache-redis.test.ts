import { cacheContract } from "./cache.contract.ts";
import { openRedisCache } from "./redis-cache.ts";

cacheContract("Redis", async () => (await openRedisCache()).cache);
