import type { Channel, ExternalChannel, Priority, Profile } from "../channels/channel.ts";
import type { NotificationEvent } from "../ports.ts";
import type { Deliver } from "./deliver.ts";
import type { Decision } from "./plan.ts";

export interface Planned {
  event: NotificationEvent;
  profile: Profile;
  decisions: Decision[];
  /** The channels on which it is ours to send as soon as its plan is stored. On others it is queued. */
  atOnce: readonly ExternalChannel[];
}

/** What is stored by one statement. */
export interface Piece {
  placed: Planned[];
  /** Its places are not needed any more, or its deliveries are in them. */
  free(): void;
}

/**
 * As many of a batch, from its first on, as have places in the queues of their channels. A channel that has none for `waitMs`
 * holds up nobody: what is for it is queued.
 */
export async function placeNext(
  deliver: Pick<Deliver, "places">,
  planned: Planned[],
  lane: Priority,
  waitMs: number,
): Promise<Piece> {
  const counts = countsOf(planned);
  if (counts.size === 0) return { placed: planned, free() {} };
  const taken = new Map(
    await Promise.all(
      counts.entries().map(async ([channel, count]) => {
        const places = await deliver.places(channel, lane).take(count, waitMs);
        return [channel, places] as const;
      }),
    ),
  );
  const left = new Map(taken.entries().filter(([, places]) => places > 0));
  const placed: Planned[] = [];
  for (const one of planned) {
    const atOnce = sendsOf(one).filter((channel) => left.has(channel));
    if (atOnce.some((channel) => left.get(channel) === 0)) break;
    for (const channel of atOnce) left.set(channel, (left.get(channel) ?? 0) - 1);
    placed.push({ ...one, atOnce });
  }
  return {
    placed,
    free() {
      for (const [channel, places] of taken) deliver.places(channel, lane).free(places);
    },
  };
}

/** What needs no place goes first, and waits for none. */
export function placelessFirst(planned: Planned[]): Planned[] {
  const others = planned.filter(needsPlace);
  if (others.length === 0 || others.length === planned.length) return planned;
  return [...planned.filter((one) => !needsPlace(one)), ...others];
}

const needsPlace = ({ decisions }: Planned) => decisions.some(({ does }) => does === "send");

const isExternal = (channel: Channel): channel is ExternalChannel => channel !== "inbox";

const sendsOf = ({ decisions }: Planned): ExternalChannel[] =>
  decisions.flatMap(({ channel, does }) => (does === "send" && isExternal(channel) ? [channel] : []));

function countsOf(planned: Planned[]): Map<ExternalChannel, number> {
  const counts = new Map<ExternalChannel, number>();
  for (const one of planned) {
    for (const channel of sendsOf(one)) counts.set(channel, (counts.get(channel) ?? 0) + 1);
  }
  return counts;
}
