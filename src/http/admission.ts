import type { App } from "../app.ts";
import type { Bound } from "../pipeline/keys.ts";
import { overloaded, type Shed } from "../pipeline/overload.ts";
import { createShares, type Shares } from "../pipeline/shares.ts";
import { createTurnstile } from "../pipeline/turnstile.ts";
import { classOf, type Operation } from "./operation.ts";

/** Requests, but for those that send, in hand at most: 40 for each of the connections that the database's pool has by default. */
const requestsMax = 1000;
/** Bodies that are held at most while their requests are answered. */
const bodyBytesMax = 256 * 1024 * 1024;
/** How long a request waits at most until it is its turn, in milliseconds. */
const waitMaxMs = 5000;
/** What of the connections to the database is left to those that send: reads that hang must not keep a 202 from anybody. */
const keptShare = 0.25;
/** Where the database is embedded, and has one connection: so many stand before what is sent. */
const embeddedInsideMax = 16;
/**
 * Keys that are looked up in the database at the same time: some thousands a second. With no bound, 200 connections that
 * made up a key for each request had a 202 of others take 26 ms at the median, on PostgreSQL; now it is 1.5.
 */
const lookUpsMax = 2;

/** What this process has in hand, of which each project may hold a share. */
export interface Admission {
  /**
   * Takes a request in hand. Refuses it where its project, or all of them together, have too much in hand.
   *
   * @throws ClientError `overloaded`
   */
  admit(operation: Operation, request: Request, projectId: string): Admitted;
  /**
   * Looks something up for whom nobody knows yet, and who has no share.
   *
   * @throws ClientError `overloaded` where its turn does not come in time
   */
  lookUp: Bound;
}

export interface Admitted {
  /**
   * Resolves once it may work on the database. To be called when the body is there: one that comes slowly, or never, would
   * keep others out.
   *
   * @throws ClientError `overloaded` where that takes too long
   */
  itsTurn(): Promise<void>;
  /** It was answered, or refused. */
  release(): void;
}

export function createAdmission({ config, telemetry }: Pick<App, "config" | "telemetry">): Admission {
  const requests = createShares(requestsMax);
  const bodies = createShares(bodyBytesMax);
  const turnstile = createTurnstile({
    insideMax: config.databaseUrl === null ? embeddedInsideMax : insideMaxOf(config.databasePoolMax),
    waitMaxMs,
  });

  const lookUps = createTurnstile({ insideMax: lookUpsMax, waitMaxMs });

  function shed(what: Shed, full: "wait" | "requests" | "bytes") {
    telemetry.requestShed(what, full);
    return overloaded(what);
  }

  function hold(shares: Shares, owner: string, amount: number, what: Shed, full: "requests" | "bytes") {
    const release = shares.hold(owner, amount);
    if (release === null) throw shed(what, full);
    return release;
  }

  /** A body that does not say how long it is may be as long as the limit. */
  function bytesOf({ headers }: Request, { bulk }: Operation): number {
    const limitBytes = bulk ? config.bulkBodyLimitBytes : config.bodyLimitBytes;
    return Math.min(Number(headers.get("content-length") ?? limitBytes), limitBytes);
  }

  return {
    admit(operation, request, projectId) {
      const what = classOf(operation);
      const held: (() => void)[] = [];
      const release = () => {
        for (const one of held) one();
      };
      try {
        if (operation.body) held.push(hold(bodies, projectId, bytesOf(request, operation), what, "bytes"));
        // How many are sent at the same time is bounded where they wait to be stored.
        if (what !== "send") held.push(hold(requests, projectId, 1, what, "requests"));
      } catch (error) {
        release();
        throw error;
      }
      return {
        async itsTurn() {
          if (what !== "send") held.push(await turnstile.enter(projectId, () => shed(what, "wait")));
        },
        release,
      };
    },
    async lookUp(work) {
      const leave = await lookUps.enter("", () => shed("read", "wait"));
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}

const insideMaxOf = (connections: number) => Math.max(1, Math.floor(connections * (1 - keptShare)));
