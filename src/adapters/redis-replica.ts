import type { CacheTelemetry } from "../telemetry-cache.ts";
import { type Circuit, createCircuit } from "./redis-circuit.ts";
import { readTexts } from "./redis-connection.ts";
import type { RedisKeys } from "./redis-keys.ts";

/** A replica that is further behind is not read from. */
const lagMsMax = 2_000;

/** Between two looks at how far it is behind. */
const beatMs = 500;

/** Keys this process changed lately; beyond it, none is read from the replica for a while. */
const changedMax = 10_000;

interface ReplicaOptions {
  url: string;
  timeoutMs: number;
  primary: Circuit;
  keys: RedisKeys;
  telemetry: CacheTelemetry;
}

export type RedisReplica = ReturnType<typeof createReplica>;

/**
 * Reads from a replica, as long as it is known to be at most 2 s behind: a number is written to the primary twice
 * a second and looked for here, so that one whose link to the primary is broken is noticed as well as one
 * that does not answer. What this process changed itself is read from the primary until the replica must have it.
 *
 * What remains: what another process deleted may be given for up to 2 s after. It is never kept anew, since leases
 * and fills are the primary's.
 */
export function createReplica({ url, timeoutMs, primary, keys, telemetry }: ReplicaOptions) {
  const beatKey = keys.beat(crypto.randomUUID());
  /** When each key may be read here again; in the order of their times. */
  const changed = new Map<string, number>();
  let allChangedUntilMs = 0;
  /** When each number was about to be written. */
  let beats = new Map<number, number>();
  let lastBeat = 0;
  /** The replica has all that was acknowledged before this. */
  let freshMs = Number.NEGATIVE_INFINITY;
  let wasUsable = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  const circuit = createCircuit({
    url,
    timeoutMs,
    duties: { size: () => 0, deliver: async () => {} },
    events: {
      commandEnded: telemetry.commandEnded,
      circuitOpened: left,
      circuitClosed() {},
      connected: distrust,
    },
  });

  function left(reason: string): void {
    wasUsable = false;
    telemetry.replicaLeft(reason);
  }

  /** Nothing is read until a number that is written from now on has been seen. */
  function distrust(): void {
    beats = new Map();
    freshMs = Number.NEGATIVE_INFINITY;
  }

  const behind = () => performance.now() - freshMs > lagMsMax;
  const usable = () => circuit.connection() !== undefined && !behind();

  async function beat(): Promise<void> {
    const seen = beats;
    const number = ++lastBeat;
    const sentMs = performance.now();
    await primary.run("beat", ({ client }) => client.set(beatKey, String(number), "PX", lagMsMax * 10));
    seen.set(number, sentMs);
    const found = await circuit.run("beat", ({ client }) => client.get(beatKey));
    const foundMs = seen.get(Number(found));
    if (seen !== beats || foundMs === undefined) return;
    freshMs = foundMs;
    for (const older of seen.keys()) if (older < Number(found)) seen.delete(older);
  }

  async function keepBeating(): Promise<void> {
    await beat().catch(() => {});
    for (const older of beats.keys()) if (beats.size > beatsMax) beats.delete(older);
    if (usable() && !wasUsable) telemetry.replicaUsed();
    else if (wasUsable && circuit.connection() !== undefined && behind())
      telemetry.replicaLeft("it is behind");
    wasUsable = usable();
    if (!closed) timer = setTimeout(keepBeating, beatMs);
  }

  function wasChanged(asked: string[], nowMs: number): boolean {
    for (const [key, untilMs] of changed) {
      if (untilMs > nowMs) break;
      changed.delete(key);
    }
    return nowMs < allChangedUntilMs || (changed.size > 0 && asked.some((key) => changed.has(key)));
  }

  return {
    async start(): Promise<void> {
      await circuit.start();
      await keepBeating();
    },

    /** The texts; undefined where the primary has to be asked. Rejects where the replica did not answer. */
    read(asked: string[]): Promise<(string | null)[]> | undefined {
      if (!usable() || wasChanged(asked, performance.now())) return undefined;
      return circuit.run("replica", (connection) => readTexts(connection, asked.map(keys.value)));
    },

    /** These are about to be changed on the primary. */
    changing(asked: string[]): void {
      const untilMs = performance.now() + timeoutMs + lagMsMax;
      for (const key of asked) {
        changed.delete(key);
        changed.set(key, untilMs);
      }
      if (changed.size <= changedMax) return;
      changed.clear();
      allChangedUntilMs = untilMs;
    },

    distrust,
    usable,

    close(): void {
      closed = true;
      clearTimeout(timer);
      circuit.close();
    },
  };
}

/** Numbers that are remembered while the replica shows none of them. */
const beatsMax = 100;
