import { type Finding, judged, ok, type Result, warn } from "./doctor-finding.ts";
import { count, several } from "./doctor-words.ts";
import type { KafkaWork } from "./probes.ts";
import { targets } from "./targets.ts";

/** What the brokers hold: events that wait, with or without a consumer, and what was put aside. */
export function examineKafkaWork({ lanes, deadLetters }: KafkaWork): Finding[] {
  return [
    { check: "lag", ...lag(lanes) },
    { check: "put aside", ...putAside(deadLetters) },
  ];
}

function lag(lanes: KafkaWork["lanes"]): Result {
  const abandoned = lanes.filter(({ lag, members }) => lag > 0 && members === 0);
  if (abandoned.length > 0) {
    const words = abandoned.map(({ lane, lag }) => `${count(lag)} in ${lane}`);
    return warn(`events wait and no process consumes them: ${words.join(", ")}.`, null, "lag");
  }
  const [worst] = lanes.toSorted((a, b) => b.lag - a.lag);
  const found = `${several(worst?.lag ?? 0, "event waits", "events wait")} in the lane ${worst?.lane}, the fullest (target ${targets.kafkaLag.warning}).`;
  return judged(worst?.lag ?? 0, targets.kafkaLag, found, "lag");
}

function putAside(letters: number): Result {
  if (letters === 0) return ok("no message was unreadable.");
  return warn(`${several(letters, "message")} could not be read or stored.`, null, "unreadable-events");
}
