import { CacheUnavailable } from "../ports.ts";
import type { RedisConnection } from "./redis-connection.ts";

/** A connection beyond the minimum is closed when nobody used it for so long. */
const idleMsMax = 30_000;

/** Who waits for a connection is refused once this many wait already. */
const waitingMax = 1_000;

export type RedisPool = ReturnType<typeof createRedisPool>;

interface RedisPoolOptions {
  /** Connections kept once they were made, and how many there are at most. */
  min: number;
  max: number;
  /** How long to wait for a free one. */
  timeoutMs: number;
  connect(onLost: () => void): Promise<RedisConnection>;
}

interface Waiting {
  resolve(connection: RedisConnection): void;
  reject(error: Error): void;
}

/**
 * Connections that nobody else uses meanwhile: for what blocks (BLPOP), what belongs to a connection (WATCH),
 * and what must not wait behind a long pipeline of data (the renewal of a lock).
 */
export function createRedisPool({ min, max, timeoutMs, connect }: RedisPoolOptions) {
  const idle: { connection: RedisConnection; sinceMs: number }[] = [];
  const lost = new WeakSet<RedisConnection>();
  const waiting = new Set<Waiting>();
  let size = 0;
  let closed = false;
  const sweep = setInterval(closeIdle, idleMsMax / 2);
  sweep.unref();

  async function make(): Promise<RedisConnection> {
    size += 1;
    let made: RedisConnection | undefined;
    try {
      made = await connect(() => {
        if (made !== undefined) drop(made);
      });
      if (closed) throw new CacheUnavailable("the cache is closed");
      return made;
    } catch (error) {
      size -= 1;
      made?.close();
      throw new CacheUnavailable("Redis cannot be reached", { cause: error });
    }
  }

  /** One that was lost, or whose state nobody knows. */
  function drop(connection: RedisConnection): void {
    if (lost.has(connection)) return;
    lost.add(connection);
    connection.close();
    size -= 1;
    const at = idle.findIndex((entry) => entry.connection === connection);
    if (at >= 0) idle.splice(at, 1);
    const [next] = waiting;
    if (next === undefined || closed) return;
    waiting.delete(next);
    make().then(next.resolve, next.reject);
  }

  function giveBack(connection: RedisConnection): void {
    if (lost.has(connection)) return;
    const [next] = waiting;
    if (closed) drop(connection);
    else if (next !== undefined) {
      waiting.delete(next);
      next.resolve(connection);
    } else idle.push({ connection, sinceMs: performance.now() });
  }

  async function take(): Promise<RedisConnection> {
    if (closed) throw new CacheUnavailable("the cache is closed");
    const free = idle.pop();
    if (free !== undefined) return free.connection;
    if (size < max) return make();
    if (waiting.size >= waitingMax)
      throw new CacheUnavailable(`${waitingMax} wait for a Redis connection already`);
    const { promise, resolve, reject } = Promise.withResolvers<RedisConnection>();
    const entry = { resolve, reject };
    waiting.add(entry);
    const timer = setTimeout(() => {
      if (waiting.delete(entry))
        reject(new CacheUnavailable(`no Redis connection was free within ${timeoutMs} ms`));
    }, timeoutMs);
    return promise.finally(() => clearTimeout(timer));
  }

  function closeIdle(): void {
    const oldMs = performance.now() - idleMsMax;
    for (const { connection, sinceMs } of [...idle]) if (size > min && sinceMs < oldMs) drop(connection);
  }

  return {
    /** Begins to open the minimum; what cannot be opened is opened when it is needed. */
    warm(): void {
      for (let missing = Math.min(min, max) - size; missing > 0; missing--) make().then(giveBack, () => {});
    },

    /**
     * Lends a connection to `work` alone. Where that rejects, the connection is not used again.
     *
     * @throws CacheUnavailable where there is none; what `work` rejects with
     */
    async use<T>(work: (connection: RedisConnection) => Promise<T>): Promise<T> {
      const connection = await take();
      try {
        const result = await work(connection);
        giveBack(connection);
        return result;
      } catch (error) {
        drop(connection);
        throw error;
      }
    },

    figures: () => ({ size, used: size - idle.length, waiting: waiting.size }),

    close(): void {
      closed = true;
      clearInterval(sweep);
      for (const { reject } of waiting) reject(new CacheUnavailable("the cache is closed"));
      waiting.clear();
      for (const { connection } of [...idle]) drop(connection);
    },
  };
}
