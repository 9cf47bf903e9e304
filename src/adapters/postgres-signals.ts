import { newId } from "../../db/id.ts";
import { listenTo, notify } from "../../db/signals.ts";
import type { Drizzle } from "../../db/statement.ts";
import type { SignalKind, Signals } from "../ports.ts";
import type { Connection, ConnectionOptions } from "./postgres-connection.ts";

interface Listener {
  onSignal: (payload: string) => void;
  onGap: () => void;
}

interface SignalEvents {
  lost(error: unknown): void;
  back(): void;
}

export interface PostgresSignals extends Signals {
  close(): Promise<void>;
}

const kinds: SignalKind[] = ["forget", "wake"];
const channelOf = (kind: SignalKind) => `carillon_${kind}`;

/** A notification carries less than 8,000 bytes (PostgreSQL, NOTIFY); the rest is for who sent it. */
const payloadMaxBytes = 7900;
const retryMs = 500;
const retryMaxMs = 5000;

/**
 * Signals by LISTEN and NOTIFY, heard on a connection of its own that is made anew whenever it is lost.
 *
 * @param open makes that connection
 */
export function createPostgresSignals(
  orm: Drizzle,
  open: (onNotify: ConnectionOptions["onNotify"], onLost: (error: Error) => void) => Promise<Connection>,
  events: SignalEvents,
): PostgresSignals {
  /** Who sends: what comes back to ourselves is not news. */
  const origin = newId(Date.now());
  const listeners = new Map<SignalKind, Listener[]>(kinds.map((kind) => [kind, []]));
  let connection: Connection | null = null;
  let closed = false;
  let failures = 0;
  let retry: Timer | undefined;

  function hear(channel: string, text: string): void {
    const kind = kinds.find((one) => channelOf(one) === channel);
    if (kind === undefined || text.startsWith(origin)) return;
    const payload = text.slice(origin.length);
    for (const { onSignal } of listeners.get(kind) ?? []) onSignal(payload);
  }

  async function connect(): Promise<void> {
    try {
      const made = await openListening();
      if (closed) return void (await made.close());
      connection = made;
      if (failures === 0) return;
      failures = 0;
      events.back();
      for (const { onGap } of [...listeners.values()].flat()) onGap();
    } catch (error) {
      lose(error);
    }
  }

  async function openListening(): Promise<Connection> {
    const made: Connection = await open(hear, (error) => {
      if (made === connection) lose(error);
    });
    try {
      for (const kind of kinds) {
        await made.run(listenTo(channelOf(kind)), [], { prepare: false, arrays: true });
      }
      return made;
    } catch (error) {
      // A standby takes connections, and nobody may listen there.
      made.destroy(error as Error);
      throw error;
    }
  }

  function lose(error: unknown): void {
    if (closed) return;
    connection = null;
    if (failures === 0) events.lost(error);
    const waitMs = Math.min(retryMaxMs, retryMs * 2 ** failures);
    failures += 1;
    clearTimeout(retry);
    retry = setTimeout(connect, waitMs);
  }

  const first = connect();

  return {
    async send(kind, payload) {
      for (const part of partsOf(payload)) {
        await notify(orm, { channel: channelOf(kind), payload: origin + part });
      }
    },
    listen(kind, onSignal, onGap) {
      listeners.get(kind)?.push({ onSignal, onGap });
    },
    heard: () => connection !== null,
    async close() {
      closed = true;
      clearTimeout(retry);
      await first;
      await connection?.close();
    },
  };
}

/** Whole lines, as many as one notification carries. A line that is longer than that is left out. */
export function partsOf(payload: string): string[] {
  if (payload.length * 3 <= payloadMaxBytes) return [payload];
  const parts: string[] = [];
  let part: string[] = [];
  let bytes = 0;
  for (const line of payload.split("\n")) {
    const length = Buffer.byteLength(line) + 1;
    if (length > payloadMaxBytes) continue;
    if (bytes + length > payloadMaxBytes) {
      parts.push(part.join("\n"));
      part = [];
      bytes = 0;
    }
    part.push(line);
    bytes += length;
  }
  if (part.length > 0) parts.push(part.join("\n"));
  return parts;
}
