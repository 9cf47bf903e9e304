import { bulkItems } from "../bodies.ts";
import { startCarillon } from "../carillon.ts";
import type { Part } from "../part.ts";
import { openWorld } from "../world.ts";

const burst = 100_000;
const warmRequests = 5;
const concurrency = 4;
/** The guide's bound for the consumer's lag. */
const lagEvents = 100;

/** A burst through Kafka: how long after its last 202 until all but a hundred are handled. */
export const burstLag: Part = async ({ servers, scaled }) => {
  await using world = await openWorld(await servers());
  await using carillon = await startCarillon({ world, setup: "all" });
  const load = { kind: "bulk", content: {}, concurrency } as const;
  await carillon.load({ ...load, requests: warmRequests });
  await carillon.inInbox(warmRequests * bulkItems);
  const requests = scaled(burst) / bulkItems;
  const { startedMs, seconds } = await carillon.load({ ...load, requests });
  // Asked of the rows rather than of Kafka: an event is handled once what it led to is durable.
  const handledMs = await carillon.inInbox((warmRequests + requests) * bulkItems - lagEvents);
  return [
    {
      name: `lag under ${lagEvents} after a burst of ${scaled(burst).toLocaleString("en")}, from its last 202`,
      value: Math.max(0, (handledMs - startedMs) / 1000 - seconds),
      unit: "s",
      aim: { of: "value", atMost: 2 },
    },
  ];
};
