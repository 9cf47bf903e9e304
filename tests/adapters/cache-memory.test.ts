import { createMemoryCache } from "../../src/adapters/cache-memory.ts";
import { cacheContract } from "./cache.contract.ts";

cacheContract("memory", () => createMemoryCache());
