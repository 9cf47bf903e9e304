import { CacheUnavailable } from "../ports.ts";
import type { CacheTelemetry } from "../telemetry-cache.ts";
import { connectRedis, type RedisAddress, type RedisConnection } from "./redis-connection.ts";
import { createDeadlines } from "./redis-deadline.ts";

/** Between two tries to reach Redis again, doubled each time up to the second. */
const retryMsMin = 50;
const retryMsMax = 2_000;

/** One that stays closed for less goes on with the longer pauses. */
const steadyMs = 10_000;

/** What has to be done before Redis may be used again. */
export interface Duties {
  /** None where nothing is left to do. */
  size(): number;
  /** Does some of it; rejects where it cannot be done. */
  deliver(connection: RedisConnection): Promise<void>;
}

export type Circuit = ReturnType<typeof createCircuit>;

interface CircuitOptions {
  url: string;
  timeoutMs: number;
  duties: Duties;
  /** A command like those that are to come: a server that answers PING may refuse them, as a replica does. */
  probe?(connection: RedisConnection): Promise<unknown>;
  events: Pick<CacheTelemetry, "commandEnded" | "circuitOpened" | "circuitClosed"> & {
    /** Called when a connection may be used, before its first command. */
    connected(): void;
  };
}

/**
 * The way to Redis. Where a command does not end in time, or the connection is lost, it is open: commands fail
 * at once, and a connection is tried in the background, with growing pauses, until one answers and has
 * taken what had to be delivered. Then it is closed again. A connection that failed is never used again, so
 * what waits in it is dropped with it.
 */
export function createCircuit({ url, timeoutMs, duties, probe, events }: CircuitOptions) {
  const deadlines = createDeadlines(timeoutMs);
  const unavailable = new CacheUnavailable("Redis cannot be reached");
  let connection: RedisConnection | undefined;
  let ended = false;
  let openedMs = performance.now();
  let reason = "";
  let closedMs = Number.NEGATIVE_INFINITY;
  let retryMs = retryMsMin;
  /** A cluster's servers, which may have to be asked when the URL's own is down. */
  let seeds: RedisAddress[] = [];
  let retry: ReturnType<typeof setTimeout> | undefined;

  async function tryToConnect(): Promise<boolean> {
    let lost = false;
    let fresh: RedisConnection | undefined;
    try {
      const made = await connectRedis(url, {
        seeds,
        onLost(why) {
          lost = true;
          if (connection === made) open(why);
        },
      });
      fresh = made;
      await deadlines.within(Promise.all(made.masters().map((master) => master.ping())));
      if (probe !== undefined) {
        await deadlines.within(probe(made)).catch((error) => {
          if (!isAboutCommand(error)) throw error;
        });
      }
      const owed = duties.size();
      while (duties.size() > 0) await deadlines.within(duties.deliver(made));
      if (lost || ended) throw new Error("the connection was closed");
      // Nothing may be awaited from the last look at the duties to here.
      connection = made;
      events.connected();
      if (reason !== "") events.circuitClosed(performance.now() - openedMs, owed);
      reason = "";
      closedMs = performance.now();
      seeds = made.addresses();
      return true;
    } catch (error) {
      fresh?.close();
      say((error as Error).message);
      return false;
    }
  }

  /** One line for an outage, with its first reason. */
  function say(why: string): void {
    if (ended || reason !== "") return;
    reason = why;
    events.circuitOpened(why);
  }

  function open(why: string): void {
    if (connection === undefined || ended) return;
    connection.close();
    connection = undefined;
    openedMs = performance.now();
    say(why);
    if (openedMs - closedMs > steadyMs) retryMs = retryMsMin;
    tryLater();
  }

  function tryLater(): void {
    if (ended) return;
    const pauseMs = retryMs * (0.5 + Math.random() / 2);
    retryMs = Math.min(retryMs * 2, retryMsMax);
    retry = setTimeout(async () => {
      if (!(await tryToConnect())) tryLater();
    }, pauseMs);
  }

  return {
    /** Tries once; where Redis is not there, it goes on trying in the background. */
    async start(): Promise<void> {
      if (!(await tryToConnect())) tryLater();
    },

    /** The connection while Redis may be used. */
    connection: () => connection,

    /**
     * Runs a command. An error of the server's about that command alone leaves the circuit closed.
     *
     * @throws CacheUnavailable where Redis did not answer, or is left alone at the moment
     */
    run<T>(name: string, command: (connection: RedisConnection) => Promise<T>): Promise<T> {
      const used = connection;
      if (used === undefined) return Promise.reject(unavailable);
      return deadlines.within(command(used), (ms, error) => {
        events.commandEnded(name, ms, error === undefined);
        if (error === undefined || isAboutCommand(error)) return error;
        if (connection === used) open((error as Error).message);
        return new CacheUnavailable("Redis cannot be reached", { cause: error });
      });
    },

    open,

    close(): void {
      ended = true;
      clearTimeout(retry);
      connection?.close();
      connection = undefined;
    },
  };
}

/** Not of the server's state: it is full, or the command is wrong. */
function isAboutCommand(error: unknown): boolean {
  const { name, message } = error as Error;
  return name === "ReplyError" && /^(OOM|ERR|WRONGTYPE|CROSSSLOT)\b/.test(message);
}
