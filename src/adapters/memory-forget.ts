import type { Signals } from "../ports.ts";
import type { Store } from "./cache-aside.ts";
import type { MemoryStore } from "./memory-store.ts";

/** Of one signal: PostgreSQL takes less than 8,000. */
const payloadBytesMax = 7_000;

/** Keys that others could not be told of yet; beyond it they are told to forget everything. */
const untoldMax = 10_000;

/** Between two tries to tell them, doubled each time up to the second. */
const retryMsMin = 100;
const retryMsMax = 5_000;

/** Tells others to forget everything. No key is empty. */
const everything = "";

/**
 * The store of one process among several that share a database. What this one drops or writes through, the others are
 * told to forget; what it is told, it forgets; and while it cannot hear, it keeps and gives nothing.
 *
 * What remains possible: between a commit and the signal, which takes milliseconds, another process gives the
 * older value; and one that can hear goes on giving it while this process cannot tell, or for good (until its
 * time to live) if this process dies before it could.
 */
export function createForgetting(own: MemoryStore, signals: Signals): { store: Store; close(): void } {
  const untold = new Set<string>();
  let telling: Promise<void> | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let closed = false;
  let deaf = false;

  signals.listen(
    "forget",
    (payload) => {
      if (payload === everything) own.clear();
      else own.drop(payload.split("\n").map(unescapeKey));
    },
    own.clear,
  );

  /** False while what is kept may be old: then it is forgotten, too (once: that takes its time). */
  function heard(): boolean {
    const hears = signals.heard();
    if (!hears && !deaf) own.clear();
    deaf = !hears;
    return hears;
  }

  /** Resolves once the others were told, or could not be: then it is tried again in the background. */
  function tell(keys: string[]): Promise<void> {
    const lines = keys.map(escapeKey);
    for (const line of lines) untold.add(line);
    if (untold.size > untoldMax || lines.some((line) => Buffer.byteLength(line) > payloadBytesMax)) {
      untold.clear();
      untold.add(everything);
    }
    // What was added while a round is under way is told in the next one.
    telling = (telling ?? Promise.resolve()).then(() => tellAll(retryMsMin));
    return telling;
  }

  async function tellAll(retryMs: number): Promise<void> {
    while (untold.size > 0) {
      const batch = takeBatch(untold);
      try {
        await signals.send("forget", batch.join("\n"));
      } catch {
        for (const key of batch) untold.add(key);
        clearTimeout(retry);
        if (!closed) retry = setTimeout(tellAll, retryMs, Math.min(retryMs * 2, retryMsMax));
        return;
      }
    }
  }

  const store: Store = {
    ...own,
    readOne: (key) => (heard() ? own.readOne(key) : undefined),
    read: (keys) => (heard() ? own.read(keys) : keys.map(() => undefined)),
    lease: (keys) => (heard() ? own.lease(keys) : keys.map(() => ({ value: undefined, lease: null }))),
    // Of what never changes nobody has an older value to forget.
    put: (entries) => (heard() ? own.put(entries) : undefined),
    async drop(keys) {
      own.drop(keys);
      await tell(keys);
    },
    async finish(key, token, value, ttlMs) {
      await own.finish(key, token, heard() ? value : undefined, ttlMs);
      await tell([key]);
    },
  };
  return {
    store,
    close() {
      closed = true;
      clearTimeout(retry);
    },
  };
}

/** As many as one signal carries, removed from the set. */
function takeBatch(untold: Set<string>): string[] {
  const batch: string[] = [];
  let bytes = 0;
  for (const key of untold) {
    bytes += Buffer.byteLength(key) + 1;
    if (batch.length > 0 && (bytes > payloadBytesMax || key === everything)) break;
    batch.push(key);
    untold.delete(key);
    if (key === everything) break;
  }
  return batch;
}

/** Keys hold words of users' own, and a line is a key. */
const escapeKey = (key: string) => key.replace(/[%\n]/g, (found) => (found === "%" ? "%25" : "%0A"));
const unescapeKey = (line: string) => line.replace(/%25|%0A/g, (found) => (found === "%25" ? "%" : "\n"));
