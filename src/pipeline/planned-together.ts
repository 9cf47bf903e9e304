import type { Priority } from "../channels/channel.ts";
import { EventsRefused, type NotificationEvent } from "../ports.ts";
import { createBatcher } from "./batch.ts";

export type Dispatch = (batch: NotificationEvent[], lane: Priority) => Promise<void>;

/** Events that are planned at once, and such batches of a lane at the same time: while one is stored, the next is read. */
const eventsMax = 500;
export const batchesAtOnce = 2;

/**
 * Batches of a lane that come while others are being planned are planned together. Kafka hands out each partition's apart: a
 * statement for 13 events costs the server half as much again each as one for 30.
 *
 * @throws EventsRefused from whoever's events were refused, and what else `dispatch` throws from all that were planned with it
 */
export function plannedTogether(dispatch: Dispatch): Dispatch {
  const batchers = new Map<Priority, (batch: NotificationEvent[]) => Promise<void>>();
  return (batch, lane) => {
    const add = batchers.getOrInsertComputed(lane, () => {
      const { add } = createBatcher<NotificationEvent[], undefined>(
        { rowsMax: eventsMax, inFlightMax: batchesAtOnce, rowsOf: ({ length }) => length },
        (batches) => dispatchAll(dispatch, batches, lane),
      );
      return add;
    });
    return add(batch);
  };
}

async function dispatchAll(
  dispatch: Dispatch,
  batches: NotificationEvent[][],
  lane: Priority,
): Promise<(undefined | Error)[]> {
  try {
    await dispatch(batches.flat(), lane);
    return batches.map(() => undefined);
  } catch (error) {
    if (!(error instanceof EventsRefused)) throw error;
    return batches.map((batch) => {
      const own = error.refused.filter(({ event }) => batch.includes(event));
      return own.length === 0 ? undefined : new EventsRefused(own);
    });
  }
}
