import { type Priority, priorities } from "../channels/channel.ts";

export interface ChannelQueue {
  /** Takes ids, whose deliveries are leased to this process; those that do not fit are given back. */
  offer(lane: Priority, ids: string[]): void;
  /** How many more ids of a lane fit. */
  room(lane: Priority): number;
  /** Takes nothing more, gives back what was not begun, and waits for what was. */
  stop(): Promise<void>;
}

interface QueueOptions<Claimed> {
  concurrency: number;
  /** Makes deliveries ours; gives those that still were to be had. */
  claim(ids: string[]): Promise<Claimed[]>;
  unclaim(claimed: Claimed[]): Promise<void>;
  /** Gives back what was offered and never claimed. */
  release(ids: string[]): Promise<void>;
  /** Settles once its outcome is recorded. */
  run(claimed: Claimed): Promise<void>;
  /** A lane that was full has room again. */
  onRoom(): void;
  onError(error: unknown): void;
}

/** Ids that wait in memory, a lane; the rest stays in the database, due. */
const laneCapacity = 10_000;

/** How long the database is left alone after a claim that failed, in milliseconds. */
const claimRetryMs = 1000;

/** Ids that are given back at once. */
const releaseMax = 500;

function* pagesOf(ids: string[]): Generator<string[]> {
  for (let from = 0; from < ids.length; from += releaseMax) yield ids.slice(from, from + releaseMax);
}

/**
 * A channel's own queue: it sends with a bounded concurrency and claims what it is about to send, so that a
 * channel that hangs holds up nobody else, and what waits can still be cancelled. Within it the more urgent
 * lane goes first.
 */
export function createChannelQueue<Claimed>({
  concurrency,
  claim,
  unclaim,
  release,
  run,
  onRoom,
  onError,
}: QueueOptions<Claimed>): ChannelQueue {
  const lanes = new Map(priorities.map((priority) => [priority, { ids: new Set<string>(), wasFull: false }]));
  /** What could not be claimed, for the next try. */
  let unclaimable: string[] = [];
  let ready: Claimed[] = [];
  let running = 0;
  let claiming: Promise<void> | null = null;
  let stopped = false;
  let onIdle: (() => void) | undefined;

  const laneOf = (priority: Priority) => {
    const lane = lanes.get(priority);
    if (lane === undefined) throw new Error(`no lane for priority ${priority}`);
    return lane;
  };
  const anyWaiting = () => unclaimable.length > 0 || lanes.values().some(({ ids }) => ids.size > 0);

  /** The next ids to claim, most urgent first. */
  function takeNext(count: number): string[] {
    const taken = unclaimable.splice(0);
    for (const lane of lanes.values()) {
      for (const id of lane.ids) {
        if (taken.length === count) return taken;
        lane.ids.delete(id);
        taken.push(id);
      }
      if (lane.wasFull && lane.ids.size < laneCapacity / 2) {
        lane.wasFull = false;
        onRoom();
      }
    }
    return taken;
  }

  async function claimNext(): Promise<void> {
    const ids = takeNext(concurrency);
    try {
      ready.push(...(await claim(ids)));
    } catch (error) {
      onError(error);
      unclaimable = ids;
      await Bun.sleep(claimRetryMs);
    }
    claiming = null;
    pump();
  }

  function pump(): void {
    if (!stopped) {
      while (running < concurrency && ready.length > 0) {
        const next = ready.shift();
        if (next !== undefined) begin(next);
      }
      // Claimed ahead by less than one round, so that no lease runs out while its delivery waits for a place.
      if (claiming === null && ready.length < concurrency / 2 && anyWaiting()) claiming = claimNext();
    }
    if (running === 0 && claiming === null) onIdle?.();
  }

  /** Due for whoever has room; where the database does not take that, their leases run out by themselves. */
  async function giveBack(ids: string[]): Promise<void> {
    for (const page of pagesOf(ids)) await release(page).catch(onError);
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
    offer(priority, ids) {
      const lane = laneOf(priority);
      const room = stopped ? 0 : laneCapacity - lane.ids.size;
      for (const id of ids.slice(0, room)) lane.ids.add(id);
      if (lane.ids.size >= laneCapacity) lane.wasFull = true;
      // They are leased to this process, which has no place for them.
      void giveBack(ids.slice(room));
      pump();
    },
    room: (priority) => (stopped ? 0 : laneCapacity - laneOf(priority).ids.size),
    async stop() {
      stopped = true;
      const waiting = lanes.values().flatMap(({ ids }) => ids);
      await giveBack([...unclaimable, ...waiting]);
      if (running > 0 || claiming !== null) {
        await new Promise<void>((resolve) => {
          onIdle = resolve;
        });
      }
      // Where the database takes nothing any more, their leases run out by themselves.
      if (ready.length > 0) await unclaim(ready).catch(onError);
      ready = [];
    },
  };
}
