import { connectRedis } from "./redis-connection.ts";

export interface RedisState {
  version: string;
  /** `master` or `slave`, as Redis says it. */
  role: string;
  usedMemoryBytes: number;
  /** 0 where nothing but the machine bounds it. */
  maxMemoryBytes: number;
  /** What is dropped once that is reached. */
  evictionPolicy: string;
  /** Of a replica: whether it hears its primary. */
  linked: boolean;
}

/**
 * Looks at a server and changes nothing; of a cluster, at one of its masters. Null where it answers and keeps INFO to itself, as
 * one that is managed for others may.
 *
 * @throws Error that says why it cannot be used, without the password
 */
export async function probeRedis(url: string): Promise<RedisState | null> {
  const connection = await connectRedis(url, { onLost: () => {}, autoPipelining: false });
  try {
    const [master] = connection.masters();
    await master?.ping();
    const info = (await master?.info().catch(nullWhereForbidden)) ?? null;
    if (info === null) return null;
    const fields = new Map(
      info.split(/\r?\n/).map((line) => [line.split(":", 1)[0], line.slice(line.indexOf(":") + 1)]),
    );
    return {
      version: fields.get("redis_version") ?? "unknown",
      role: fields.get("role") ?? "master",
      usedMemoryBytes: Number(fields.get("used_memory") ?? 0),
      maxMemoryBytes: Number(fields.get("maxmemory") ?? 0),
      evictionPolicy: fields.get("maxmemory_policy") ?? "noeviction",
      linked: fields.get("master_link_status") === "up",
    };
  } finally {
    connection.close();
  }
}

function nullWhereForbidden(error: Error): null {
  if (/^(NOPERM|ERR unknown command)/.test(error.message)) return null;
  throw error;
}
