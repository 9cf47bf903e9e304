export interface ChannelQueue {
  offer(ids: string[]): void;
  room(): number;
  /** Takes nothing more, gives back what was not begun, and waits for what was. */
  stop(): Promise<void>;
}

interface QueueOptions<Claimed> {
  concurrency: number;
  /** Makes deliveries ours; gives those that still were to be had. */
  claim(ids: string[]): Promise<Claimed[]>;
  unclaim(claimed: Claimed[]): Promise<void>;
  /** Settles once its outcome is recorded. */
  run(claimed: Claimed): Promise<void>;
  onRoom(): void;
  onError(error: unknown): void;
}

/** Ids that wait in memory, a channel; the rest stays in the database, due. */
const capacity = 10_000;

/**
 * A channel's own queue: it sends with a bounded concurrency and claims what it is about to send, so that a
 * channel that hangs holds up nobody else, and what waits can still be cancelled.
 */
export function createChannelQueue<Claimed>({
  concurrency,
  claim,
  unclaim,
  run,
  onRoom,
  onError,
}: QueueOptions<Claimed>): ChannelQueue {
  const waiting = new Set<string>();
  let ready: Claimed[] = [];
  let running = 0;
  let claiming: Promise<void> | null = null;
  let stopped = false;
  let wasFull = false;
  let onIdle: (() => void) | undefined;

  async function claimNext(): Promise<void> {
    const ids = [...waiting.values().take(concurrency)];
    for (const id of ids) waiting.delete(id);
    try {
      ready.push(...(await claim(ids)));
    } catch (error) {
      // Their leases run out, and the sweep offers them again.
      onError(error);
    }
    claiming = null;
    if (wasFull && waiting.size < capacity / 2) {
      wasFull = false;
      onRoom();
    }
    pump();
  }

  function pump(): void {
    if (!stopped) {
      while (running < concurrency && ready.length > 0) {
        const next = ready.shift();
        if (next !== undefined) begin(next);
      }
      // Claimed ahead by less than one round, so that no lease runs out while its delivery waits for a place.
      if (claiming === null && waiting.size > 0 && ready.length < concurrency / 2) claiming = claimNext();
    }
    if (running === 0 && claiming === null) onIdle?.();
  }

  function begin(claimed: Claimed): void {
    running += 1;
    void run(claimed)
      .catch(onError)
      .finally(() => {
        running -= 1;
        pump();
      });
  }

  return {
    offer(ids) {
      if (stopped) return;
      for (const id of ids) {
        if (waiting.size >= capacity) break;
        waiting.add(id);
      }
      if (waiting.size >= capacity) wasFull = true;
      pump();
    },
    room: () => (stopped ? 0 : capacity - waiting.size),
    async stop() {
      stopped = true;
      if (running > 0 || claiming !== null) await new Promise<void>((resolve) => (onIdle = resolve));
      if (ready.length > 0) await unclaim(ready);
      ready = [];
    },
  };
}
