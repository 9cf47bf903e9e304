import type { Priority } from "../channels/channel.ts";
import { type Cache, EventsRefused, type NotificationEvent } from "../ports.ts";
import { storePiece } from "./dispatch-store.ts";
import type { LanePace } from "./lane-pace.ts";
import { type Planned, placelessFirst, placeNext } from "./placing.ts";
import { plan } from "./plan.ts";
import { loadProfiles } from "./profiles.ts";
import { type Refused, storeOrRefuse } from "./refusal.ts";

type Needs = Parameters<typeof storePiece>[0] & {
  cache: Cache;
  pace: LanePace;
  cachePreferencesTtlSeconds: number;
};

/** How long a batch may wait for places, in milliseconds; what has none by then is queued. */
const placesWaitMs = 100;

/**
 * Plans a batch and stores what was decided, in pieces where its lane gives way to others; deliveries that are to be sent go
 * on to their channel's queue.
 *
 * @throws EventsRefused where the database will never take some of it; the rest is stored
 */
export async function dispatch(needs: Needs, batch: NotificationEvent[], lane: Priority): Promise<void> {
  const { pace } = needs;
  const refused: Refused<NotificationEvent>[] = [];
  for (let at = 0; at < batch.length; ) {
    const part = batch.slice(at, at + pace.pieceMax(lane, batch.length));
    at += part.length;
    let tookMs = 0;
    const store = async (events: NotificationEvent[]) => {
      tookMs += await dispatchPart(needs, events, lane);
    };
    refused.push(...(await storeOrRefuse(part, store)));
    pace.took(lane, tookMs);
    await pace.rest(lane, tookMs);
  }
  if (refused.length > 0) throw new EventsRefused(refused.map(({ item, why }) => ({ event: item, why })));
}

/** Gives how long its work took, in milliseconds: what it waited for places is not part of it. */
async function dispatchPart(needs: Needs, batch: NotificationEvent[], lane: Priority): Promise<number> {
  const { clock, deliver } = needs;
  const startedMs = performance.now();
  const profiles = await loadProfiles(needs, batch);
  const nowMs = clock.now();
  const planned = batch.map((event, index): Planned => {
    const profile = profiles[index];
    if (profile === undefined) throw new Error("a profile is missing from a batch");
    return { event, profile, decisions: plan(event, profile, deliver.reachable, nowMs), atOnce: [] };
  });
  let tookMs = performance.now() - startedMs;
  let waitMs = placesWaitMs;
  for (let rest = placelessFirst(planned); rest.length > 0; ) {
    const askedMs = performance.now();
    const piece = await placeNext(deliver, rest, lane, waitMs);
    const beganMs = performance.now();
    waitMs -= beganMs - askedMs;
    try {
      await storePiece(needs, piece.placed, lane);
    } finally {
      piece.free();
    }
    tookMs += performance.now() - beganMs;
    rest = rest.slice(piece.placed.length);
  }
  return tookMs;
}
