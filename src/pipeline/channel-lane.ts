import { createPlaces, type Places, type QueueFacts } from "./places.ts";

/** A delivery that is leased to this process. */
export interface Offered {
  id: string;
  /** From then on another process may take it. */
  leaseUntilMs: number;
}

/** What a channel's queue holds of one priority, on its way from the database to a send. */
export interface Lane<Claimed> {
  waiting: Map<string, Offered>;
  wasFull: boolean;
  /** How many a claim asks for that is under way: they wait no more, and are not ready yet. */
  inClaim: number;
  /** Ours, and not begun. */
  ready: Claimed[];
  places: Places;
  isClaiming: boolean;
}

export function createLane<Claimed>(ofChannel: Pick<QueueFacts, "most" | "sentIn">): Lane<Claimed> {
  const lane = {
    waiting: new Map<string, Offered>(),
    wasFull: false,
    inClaim: 0,
    ready: [] as Claimed[],
    isClaiming: false,
  };
  const places = createPlaces({
    ...ofChannel,
    held: () => lane.ready.length,
    before: () => lane.waiting.size + lane.inClaim,
  });
  return Object.assign(lane, { places });
}
