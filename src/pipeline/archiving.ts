import type { Archive } from "../ports.ts";
import { type ArchiveNeeds, archiveOldDays } from "./archive.ts";

export interface Archiving {
  /** Begins to archive, unless that is under way already. Nobody need wait for it, and it never throws. */
  begin(nowMs: number): void;
  /** Resolves once what is under way has ended. */
  ended(): Promise<void>;
  /** Waits for the archive no more, and resolves when the database is left alone. */
  stop(): Promise<void>;
}

/**
 * Archiving beside the sweep: what is due does not wait for an archive that is silent, which shows only after ten
 * seconds.
 */
export function createArchiving(needs: Omit<ArchiveNeeds, "signal">): Archiving {
  const stopping = new AbortController();
  const { signal } = stopping;
  const archive = waitingUntil(signal, needs.archive);
  let round: Promise<void> | null = null;
  const ended = () => round ?? Promise.resolve();

  return {
    begin(nowMs) {
      if (signal.aborted) return;
      round ??= archiveOldDays({ ...needs, archive, signal }, nowMs).finally(() => {
        round = null;
      });
    },
    ended,
    stop() {
      stopping.abort();
      return ended();
    },
  };
}

/** The archive, of which nothing is awaited once the signal is aborted: it may still do what it was asked for. */
function waitingUntil(signal: AbortSignal, archive: Archive): Archive {
  return {
    ...archive,
    store: (batch) => unlessAborted(signal, () => archive.store(batch)),
    drop: (where) => unlessAborted(signal, () => archive.drop(where)),
  };
}

async function unlessAborted<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([ask(), aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
