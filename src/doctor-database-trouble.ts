import type { DatabaseTrouble, Session } from "../db/trouble.ts";
import { type Finding, fail, judged, ok, type Result, warn } from "./doctor-finding.ts";
import { count, percent, secondsIn, several } from "./doctor-words.ts";

/** Who waits for a lock for longer is held up; so long means that nothing of it goes on. */
const blockedSeconds = { warning: 1, critical: 10 };
/** A transaction that does nothing keeps its locks all the same, and any that is old keeps dead rows from being cleaned up. */
const idleMaxSeconds = 10;
const openMaxSeconds = 300;
/** Dead rows that each look at the queue steps over. Vacuum comes by itself long before, unless something keeps it. */
const deadMin = 10_000;
const deadToLiveMax = 10;
const connectionsRatio = { warning: 0.8, critical: 0.95 };
/** With today and tomorrow ready there is a day to find out why no more are made. */
const daysReadyMin = 2;

/** What the database itself says, whether or not a service runs. */
export function examineTrouble(trouble: DatabaseTrouble): Finding[] {
  return [
    { check: "locks", ...locks(trouble) },
    { check: "open longest", ...transactions(trouble) },
    { check: "sessions", ...sessions(trouble) },
    { check: "queue table", ...bloat(trouble) },
    { check: "partitions", ...partitions(trouble) },
  ];
}

const named = ({ pid, application, seconds, idle }: Session) =>
  `session ${pid}${application === "" ? "" : ` (${application})`}, whose transaction is ${secondsIn(seconds)} old${idle ? " and does nothing" : ""}`;

function locks({ blocked: { sessions, longestSeconds, by } }: DatabaseTrouble): Result {
  const whom = by === null ? "" : ` for ${named(by)}`;
  const found = `${several(sessions, "session waits", "sessions wait")} for a lock, at most for ${secondsIn(longestSeconds)} (bound ${secondsIn(blockedSeconds.warning)})${whom}.`;
  return judged(longestSeconds, blockedSeconds, found, "long-transactions");
}

function transactions({ oldestTransaction: oldest }: DatabaseTrouble): Result {
  if (oldest === null) return ok("no other transaction is open.");
  const isLong = oldest.seconds > (oldest.idle ? idleMaxSeconds : openMaxSeconds);
  if (!isLong) return ok(`a transaction of ${secondsIn(oldest.seconds)}.`);
  const isOwn = oldest.application === "carillon";
  return warn(`${named(oldest)}.`, null, isOwn ? "long-export" : "long-transactions");
}

function sessions({ connections: { open, max } }: DatabaseTrouble): Result {
  const found = `${open} of ${max} connections are open (bound ${percent(connectionsRatio.warning)}).`;
  return judged(open / max, connectionsRatio, found, "pool-exhausted");
}

function bloat({ due: { live, dead } }: DatabaseTrouble): Result {
  const found = `due has ${several(live, "row")} and ${count(dead)} dead ones (bound ${count(deadMin)})`;
  const isBloated = dead > deadMin && dead > live * deadToLiveMax;
  return isBloated ? warn(`${found}, which every look at it steps over.`, null, "bloat") : ok(`${found}.`);
}

function partitions({ daysReady }: DatabaseTrouble): Result {
  const found = `${several(daysReady, "day")} from today on ${daysReady === 1 ? "is" : "are"} ready (bound ${daysReadyMin}).`;
  if (daysReady === 0) return fail(found, null, "partitions");
  return daysReady < daysReadyMin ? warn(found, null, "partitions") : ok(found);
}
