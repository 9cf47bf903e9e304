import { createPlaces, type Places } from "./places.ts";

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

/** `most`: what may be ready that is claimed with its plan. `sentIn`: see Places. */
export function createLane<Claimed>({
  most,
  sentIn,
}: Pick<Parameters<typeof createPlaces>[0], "most" | "sentIn">): Lane<Claimed> {
  const lane = {
    waiting: new Map<string, Offered>(),
    wasFull: false,
    inClaim: 0,
    ready: [] as Claimed[],
    isClaiming: false,
  };
  const places = createPlaces({
    most,
    sentIn,
    held: () => lane.ready.length,
    before: () => lane.waiting.size + lane.inClaim,
  });
  return Object.assign(lane, { places });
}
