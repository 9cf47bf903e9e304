import { type Priority, priorities } from "../channels/channel.ts";
import type { ChannelCounts } from "../telemetry-queues.ts";
import { createLane, type Lane, type Offered } from "./channel-lane.ts";
import type { LanePace } from "./lane-pace.ts";
import type { Places } from "./places.ts";
import { createRecentCount } from "./recent-count.ts";

export interface ChannelQueue<Claimed> {
  /** Takes ids, whose deliveries are leased to this process; those that do not fit are given back. */
  offer(lane: Priority, ids: string[], leaseUntilMs: number): void;
  /** How many more ids of a lane fit. */
  room(lane: Priority): number;
  /** Room for deliveries that will be ours with their plan; see Places. */
  places(lane: Priority): Places;
  /** Takes what is ours already. */
  take(lane: Priority, claimed: Claimed[]): void;
  counts(): ChannelCounts;
  /** Takes nothing more, gives back what was not begun, and waits for what was. */
  stop(): Promise<void>;
}

interface QueueOptions<Claimed> {
  /** Sends under way at the same time. */
  concurrency: number;
  /** How fast a lane may claim. */
  pace: LanePace;
  /** Makes deliveries ours; gives those that still were to be had. */
  claim(offered: Offered[]): Promise<Claimed[]>;
  unclaim(claimed: Claimed[]): Promise<void>;
  /** Whether too little of its lease is left to begin with it. */
  isStale(claimed: Claimed): boolean;
  /** Gives back what was offered and never claimed. */
  release(offered: Offered[]): Promise<void>;
  /** Calls `onOutcome` once the outcome is known, and settles once it is recorded. */
  run(claimed: Claimed, onOutcome: () => void): Promise<void>;
  /** A lane that was full has room again. */
  onRoom(): void;
  onError(error: unknown): void;
  /** Milliseconds of a clock that is never set. */
  nowMs?: () => number;
}

/** Ids that wait in memory, a lane; the rest stays in the database, due. */
const laneCapacity = 20_000;

/**
 * What was begun and is not recorded, for each send at a time: so many may be sent again after a crash. With more than one,
 * sending goes on while outcomes are written, and more of them are written at once.
 */
const begunPerSend = 4;

/** The most that one claim takes, for each send at a time. */
const claimPerSend = 4;

/**
 * What is ours with its plan and waits to be begun: what is sent in so many milliseconds, as it went lately. More could not be
 * cancelled for longer, less would leave places free while the next are planned.
 */
const readyAheadMs = 50;
/** Of those, the least and the most, for each send at a time. */
const readyPerSendMin = 1;
const readyPerSendMax = 8;

/** How long the database is left alone after a claim that failed, in milliseconds. */
const claimRetryMs = 1000;

/** What is given back at once. */
const releaseMax = 500;

function* pagesOf(offered: Offered[]): Generator<Offered[]> {
  for (let from = 0; from < offered.length; from += releaseMax) yield offered.slice(from, from + releaseMax);
}

/**
 * A channel's own queue: it sends with a bounded concurrency and claims what it is about to send, so that a
 * channel that hangs holds up nobody else, and what waits can still be cancelled. Within it the more urgent
 * lane goes first, and none waits for another's claim.
 */
export function createChannelQueue<Claimed>({
  concurrency,
  pace,
  claim,
  unclaim,
  isStale,
  release,
  run,
  onRoom,
  onError,
  nowMs = () => performance.now(),
}: QueueOptions<Claimed>): ChannelQueue<Claimed> {
  const ended = createRecentCount(readyAheadMs, nowMs);
  const readyMost = () =>
    Math.min(Math.max(ended.lately(), concurrency * readyPerSendMin), concurrency * readyPerSendMax);
  const sentIn = (ms: number) => (ended.lately() * ms) / readyAheadMs;
  const lanes = new Map(
    priorities.map((priority) => [priority, createLane<Claimed>({ most: readyMost, sentIn })]),
  );
  let sending = 0;
  let begun = 0;
  let handingBack = 0;
  let stopped = false;
  let onIdle: (() => void) | undefined;

  const laneOf = (priority: Priority) => {
    const lane = lanes.get(priority);
    if (lane === undefined) throw new Error(`no lane for priority ${priority}`);
    return lane;
  };

  function takeWaiting(lane: Lane<Claimed>, count: number): Offered[] {
    const taken = [...lane.waiting.values().take(count)];
    for (const { id } of taken) lane.waiting.delete(id);
    if (lane.wasFull && lane.waiting.size < laneCapacity / 2) {
      lane.wasFull = false;
      onRoom();
    }
    return taken;
  }

  async function claimNext(priority: Priority, lane: Lane<Claimed>, count: number): Promise<void> {
    lane.isClaiming = true;
    const offered = takeWaiting(lane, count);
    lane.inClaim = offered.length;
    const startedMs = performance.now();
    try {
      const claimed = await claim(offered);
      lane.inClaim = 0;
      lane.ready.push(...claimed);
      const tookMs = performance.now() - startedMs;
      pace.took(priority, tookMs);
      pump();
      lane.places.recheck();
      await pace.rest(priority, tookMs);
    } catch (error) {
      onError(error);
      lane.inClaim = 0;
      for (const one of offered) lane.waiting.set(one.id, one);
      await Bun.sleep(claimRetryMs);
    }
    lane.isClaiming = false;
    pump();
  }

  function nextReady(): Claimed | undefined {
    for (const { ready, places } of lanes.values()) {
      const next = ready.shift();
      if (next === undefined) continue;
      places.recheck();
      return next;
    }
    return undefined;
  }

  /** So that it is claimed once more, with a lease that lasts. */
  function handBack(claimed: Claimed[]): void {
    if (claimed.length === 0) return;
    handingBack += 1;
    void unclaim(claimed)
      .catch(onError)
      .finally(() => {
        handingBack -= 1;
        pump();
      });
  }

  function pump(): void {
    if (!stopped) {
      const stale: Claimed[] = [];
      while (sending < concurrency && begun < concurrency * begunPerSend) {
        const next = nextReady();
        if (next === undefined) break;
        if (isStale(next)) stale.push(next);
        else begin(next);
      }
      handBack(stale);
      claimAhead();
    }
    if (isIdle()) onIdle?.();
  }

  /**
   * As much as was sent lately, and is soon again: so that a lease does not run out while its delivery waits, nor a place is
   * free while there is something to send.
   */
  function claimAhead(): void {
    const most = Math.min(Math.max(concurrency, ended.lately()), concurrency * claimPerSend);
    let ready = 0;
    for (const [priority, lane] of lanes) {
      const count = pace.pieceMax(priority, most);
      ready += lane.ready.length;
      if (ready >= count / 2) return;
      if (lane.waiting.size === 0 || lane.isClaiming) continue;
      void claimNext(priority, lane, count);
    }
  }

  const isIdle = () =>
    begun === 0 && handingBack === 0 && !lanes.values().some(({ isClaiming }) => isClaiming);

  /** Due for whoever has room; where the database does not take that, their leases run out by themselves. */
  async function giveBack(offered: Offered[]): Promise<void> {
    for (const page of pagesOf(offered)) await release(page).catch(onError);
  }

  function begin(claimed: Claimed): void {
    sending += 1;
    begun += 1;
    let isSending = true;
    const onOutcome = () => {
      if (!isSending) return;
      isSending = false;
      sending -= 1;
      ended.add();
    };
    const freePlace = () => {
      onOutcome();
      pump();
    };
    void run(claimed, freePlace)
      .catch(onError)
      .finally(() => {
        begun -= 1;
        freePlace();
      });
  }

  return {
    offer(priority, ids, leaseUntilMs) {
      const lane = laneOf(priority);
      const room = stopped ? 0 : laneCapacity - lane.waiting.size;
      const offered = ids.map((id) => ({ id, leaseUntilMs }));
      for (const one of offered.slice(0, room)) lane.waiting.set(one.id, one);
      if (lane.waiting.size >= laneCapacity) lane.wasFull = true;
      // They are leased to this process, which has no place for them.
      void giveBack(offered.slice(room));
      pump();
    },
    room: (priority) => (stopped ? 0 : laneCapacity - laneOf(priority).waiting.size),
    places: (priority) => laneOf(priority).places,
    take(priority, claimed) {
      if (stopped) return handBack(claimed);
      laneOf(priority).ready.push(...claimed);
      pump();
    },
    counts: () => ({
      waiting: lanes.values().reduce((sum, { waiting, ready }) => sum + waiting.size + ready.length, 0),
      sending,
      sendingMax: concurrency,
    }),
    async stop() {
      stopped = true;
      await giveBack([...lanes.values().flatMap(({ waiting }) => waiting.values())]);
      if (!isIdle()) {
        await new Promise<void>((resolve) => {
          onIdle = resolve;
        });
      }
      // Where the database takes nothing any more, their leases run out by themselves.
      const claimed = [...lanes.values().flatMap(({ ready }) => ready)];
      if (claimed.length > 0) await unclaim(claimed).catch(onError);
      for (const lane of lanes.values()) lane.ready = [];
    },
  };
}
