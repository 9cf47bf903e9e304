import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { Cluster, Redis } from "ioredis";
import { type RedisScripts, redisScripts } from "./redis-scripts.ts";

/** Until a connection is made, its TLS handshake and login included. */
const connectTimeoutMs = 2_000;

/** The commands that are used, and the scripts. */
export interface RedisClient extends RedisScripts {
  get(key: string): Promise<string | null>;
  mget(keys: string[]): Promise<(string | null)[]>;
  set(key: string, value: string, px: "PX", ttlMs: number): Promise<unknown>;
}

export interface RedisAddress {
  host: string;
  port: number;
}

/** A connection to one server or to a cluster. It is not made again when it is lost: whoever had it makes another. */
export interface RedisConnection {
  client: RedisClient;
  cluster: boolean;
  /** Every server that holds a part of the keys. */
  masters(): Redis[];
  /** Of a cluster's servers. */
  addresses(): RedisAddress[];
  /** Drops it at once; commands under way are rejected. */
  close(): void;
}

interface ConnectOptions {
  onLost: (reason: string) => void;
  seeds?: RedisAddress[];
  autoPipelining?: boolean;
}

/**
 * Connects and logs in, within 2 s.
 *
 * @param url redis:// or, for TLS, rediss://; `?cluster=1` for a cluster; `?ca=<path>` for an authority in PEM that
 * is trusted instead of the well-known ones, to which NODE_EXTRA_CA_CERTS adds
 * @param seeds servers of the cluster that may be asked besides the one in the URL
 * @param onLost called once, when a connection that was made is lost
 * @throws Error that says why, without the password
 */
export async function connectRedis(
  url: string,
  { onLost, seeds = [], autoPipelining = true }: ConnectOptions,
): Promise<RedisConnection> {
  const { cluster, host, port, ...login } = parse(url);
  const common = {
    enableAutoPipelining: autoPipelining,
    enableOfflineQueue: false,
    lazyConnect: true,
    scripts: redisScripts({ cluster }),
  };
  const node = {
    ...login,
    connectTimeout: connectTimeoutMs,
    enableReadyCheck: false, // By INFO, which not everyone may ask; the circuit looks for itself whether it answers.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  };
  const redis = cluster
    ? new Cluster([{ host, port }, ...seeds], {
        ...common,
        redisOptions: node,
        clusterRetryStrategy: () => null,
        retryDelayOnFailover: 0,
        retryDelayOnClusterDown: 0,
        maxRedirections: 3,
        // A certificate names hosts, not addresses.
        ...(node.tls && {
          dnsLookup: (address: string, done: (error: null, address: string) => void) => done(null, address),
        }),
      })
    : new Redis({ ...node, ...common, host, port, retryStrategy: () => null });

  let lastError = "";
  const hear = (error: unknown) => {
    lastError = complaintOf(error);
  };
  redis.on("error", hear);
  redis.on("node error", hear);
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`no answer within ${connectTimeoutMs} ms`)),
    connectTimeoutMs,
  );
  try {
    const connected = redis.connect();
    connected.catch(() => {});
    await Promise.race([connected, late]);
  } catch (error) {
    redis.disconnect();
    throw new Error(lastError || complaintOf(error));
  } finally {
    clearTimeout(timer);
  }
  let closed = false;
  redis.once("end", () => {
    if (!closed) onLost(lastError || "the connection was closed");
  });
  return {
    client: redis as unknown as RedisClient, // The scripts are methods that ioredis adds at run time.
    cluster,
    masters: () => (redis instanceof Cluster ? redis.nodes("master") : [redis]),
    addresses: () => (redis instanceof Cluster ? redis.nodes().map(({ options }) => addressOf(options)) : []),
    close() {
      closed = true;
      redis.disconnect();
    },
  };
}

/** One key by GET, which auto-pipelining gathers; many by MGET; in a cluster each by itself, to its own server. */
export async function readTexts(
  { client, cluster }: RedisConnection,
  names: string[],
): Promise<(string | null)[]> {
  if (names.length > 1 && !cluster) return client.mget(names);
  return Promise.all(names.map((name) => client.get(name)));
}

/** Whether the URL is a cluster's. */
export const isCluster = (url: string) => new URL(url).searchParams.get("cluster") === "1";

function parse(url: string) {
  const { protocol, hostname, port, username, password, pathname, searchParams } = new URL(url);
  const ca = searchParams.get("ca");
  const host = hostname.replace(/^\[|\]$/g, "");
  return {
    cluster: isCluster(url),
    host,
    port: Number(port || 6379),
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    db: Number(pathname.slice(1) || 0),
    ...(protocol === "rediss:" && {
      tls: { ...(isIP(host) === 0 && { servername: host }), ...(ca && { ca: readFileSync(ca, "utf8") }) },
    }),
  };
}

const addressOf = ({ host, port }: { host?: string | undefined; port?: number | undefined }) => ({
  host: host ?? "",
  port: port ?? 6379,
});

/** What ioredis says of a cluster stands in the error of the node that it asked last. */
function complaintOf(error: unknown): string {
  const { message, lastNodeError } = error as Error & { lastNodeError?: Error };
  return lastNodeError?.message ?? message;
}
