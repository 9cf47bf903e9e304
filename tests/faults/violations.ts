/** What must hold after every fault. */
import type { ListedDelivery, ListedNotification } from "../process/client.ts";
import type { Ledger } from "../process/load.ts";
import type { Counts } from "./counts.ts";
import type { Fault } from "./fault.ts";

/** What a process may hold more at the end of a fault than after its warm-up. */
const rssGrowthMaxMb = 150;
export const growthMaxMbOf = ({ buffersMaxMb = 0 }: Fault) => rssGrowthMaxMb + buffersMaxMb;

/** 409: the same Idempotency-Key is being stored at this moment. 503: not now. */
const statusesAllowed = [409, 503];
const shownMax = 3;

interface Evidence {
  fault: Fault;
  counts: Counts;
  ledger: Ledger;
  /** By id. */
  stored: Map<string, ListedNotification>;
  deliveries: ListedDelivery[];
  /** By the notification's id. */
  arrivals: Map<string, unknown>;
}

/** Every promise that was not kept, in a sentence. */
export function brokenPromises({ fault, counts, ledger, stored, deliveries, arrivals }: Evidence): string[] {
  const promised = [...ledger.promised.keys()];
  const inInbox = new Set(
    deliveries
      .filter(({ channel, status }) => channel === "inbox" && status === "sent")
      .map(({ notification_id }) => notification_id),
  );
  const titles = new Set<string>();
  const twice = [...stored.values()].filter(({ title }) => titles.size === titles.add(title).size);
  const broken: string[] = [];
  const none = (what: string, those: string[]) => {
    if (those.length > 0) broken.push(`${those.length} ${what}, as ${those.slice(0, shownMax).join(", ")}`);
  };
  const atMost = (what: string, value: number, max: number) => {
    if (value > max) broken.push(`${what}: ${Math.round(value)}, and at most ${max} may be`);
  };

  none(
    "were answered with 202 and are not stored",
    promised.filter((id) => !stored.has(id)),
  );
  none(
    "were answered with 202 and did not end as sent",
    promised.filter((id) => stored.get(id)?.status !== "sent"),
  );
  none(
    "were answered with 202 and never arrived",
    promised.filter((id) => !arrivals.has(id)),
  );
  none(
    "were answered with 202 and are in no inbox",
    promised.filter((id) => !inInbox.has(id)),
  );
  none(
    "arrived and are not stored",
    [...arrivals.keys()].filter((id) => !stored.has(id)),
  );
  none(
    "are stored and nobody asked for them",
    [...stored.values()].filter(({ title }) => !ledger.asked.has(title)).map(({ id }) => id),
  );
  none(
    "are stored twice",
    twice.map(({ title }) => title),
  );
  none(
    "requests were answered with what is neither 202 nor 409 nor 503",
    [...ledger.refused].flatMap(([status, count]) =>
      statusesAllowed.includes(status) ? [] : Array.from({ length: count }, () => String(status)),
    ),
  );
  atMost("duplicates", counts.duplicates, counts.duplicatesMax);
  atMost("duplicates that no ambiguous attempt tells of", counts.duplicates, counts.ambiguous);
  atMost("milliseconds of the slowest answer", counts.slowestAnswerMs, fault.answerMaxMs);
  for (const { before, after } of counts.rssMb)
    atMost("MB of memory more", after - before, growthMaxMbOf(fault));
  return broken;
}
