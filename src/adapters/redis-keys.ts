/** How our values are written. Raised whenever an older or newer deploy could not read them: it sees none then. */
const serialisation = "v1";

export type RedisKeys = ReturnType<typeof redisKeys>;

/**
 * The names of what we keep in Redis. The braces make a cluster put what belongs together in one slot (Redis
 * cluster specification, "Hash tags").
 */
export function redisKeys(prefix: string) {
  return {
    value: (key: string) => `${prefix}${serialisation}:{${key}}`,
    lease: (key: string) => `${prefix}${serialisation}:{${key}}:lease`,
    /** The pattern of all values and leases, for SCAN. */
    cached: `${prefix.replace(/[\\*?[\]]/g, "\\$&")}${serialisation}:*`,
    limit: (key: string) => `${prefix}limit:{${key}}`,
    lock: (name: string) => `${prefix}lock:{${name}}`,
    fence: (name: string) => `${prefix}lock:{${name}}:fence`,
    beat: (id: string) => `${prefix}beat:${id}`,
  };
}
