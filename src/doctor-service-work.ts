import { type Finding, judged, ok, type Result, warn } from "./doctor-finding.ts";
import type { Interval } from "./doctor-interval.ts";
import { count, percent, secondsIn, several } from "./doctor-words.ts";
import { bounds } from "./targets.ts";

/** A channel of which more attempts than this come to nothing has a provider that is down; fewer attempts say nothing. */
const retriedRatioMax = 0.5;
const judgedAttempts = 5;

/** What was accepted and is not sent, and why not. */
export function examineWork(interval: Interval): Finding[] {
  return [
    { check: "pending", ...pending(interval) },
    { check: "due", ...due(interval) },
    ...queues(interval).map((result) => ({ check: "queues", ...result })),
    { check: "attempts", ...attempts(interval) },
    { check: "failures", ...failures(interval) },
    ...receivers(interval).map((result) => ({ check: "receivers", ...result })),
  ];
}

function pending(interval: Interval): Result {
  const seconds = interval.value("carillon_pending_oldest_seconds") ?? 0;
  const found = `the oldest notification that is not planned has waited ${secondsIn(seconds)} (bound ${secondsIn(bounds.pendingOldestSeconds.warning)}).`;
  return judged(seconds, bounds.pendingOldestSeconds, found, "old-pending");
}

function due(interval: Interval): Result {
  const seconds = interval.value("carillon_due_oldest_seconds") ?? 0;
  const found = `the oldest that is due has waited ${secondsIn(seconds)} (bound ${secondsIn(bounds.dueOldestSeconds.warning)}).`;
  return judged(seconds, bounds.dueOldestSeconds, found, "late-deliveries");
}

/** A channel whose places were all taken at both readings, while more waited, is what holds its deliveries up. */
function queues(interval: Interval): Result[] {
  const full = interval.words("carillon_channel_sending_max", "channel").flatMap((channel) => {
    const [before, now] = [interval.earlier, interval.later].map((samples) => {
      const of = (name: string) =>
        samples.find(
          (sample) => sample.name === `carillon_channel_${name}` && sample.labels.channel === channel,
        )?.value ?? 0;
      return { waiting: of("waiting"), sending: of("sending"), max: of("sending_max") };
    });
    if (before === undefined || now === undefined) return [];
    const isFull = ({ waiting, sending, max }: typeof now) => max > 0 && sending >= max && waiting > 0;
    return isFull(before) && isFull(now) ? [{ channel, ...now }] : [];
  });
  if (full.length === 0) return [ok("every channel has a place for the next delivery.")];
  return full.map(({ channel, waiting, max }) =>
    warn(
      `${channel}: all ${several(max, "place")} taken, and ${several(waiting, "delivery", "deliveries")} waiting for one.`,
      null,
      "late-deliveries",
    ),
  );
}

function attempts(interval: Interval): Result {
  const name = "carillon_notifications_sent_total";
  const channels = interval.words(name, "channel").map((channel) => {
    const all = interval.increase(name, (labels) => labels.channel === channel);
    const again = interval.increase(
      name,
      ({ channel: of, outcome }) => of === channel && (outcome === "retry" || outcome === "ambiguous"),
    );
    return { channel, all, again };
  });
  const down = channels.filter(({ all, again }) => all >= judgedAttempts && again / all > retriedRatioMax);
  if (down.length > 0) {
    const words = down.map(({ channel, all, again }) => `${channel} ${count(again)} of ${count(all)}`);
    return warn(`most come to nothing and are tried again: ${words.join(", ")}.`, null, "provider-down");
  }
  const all = channels.reduce((sum, channel) => sum + channel.all, 0);
  const again = channels.reduce((sum, channel) => sum + channel.again, 0);
  return ok(`${count(all)} in ${secondsIn(interval.seconds)}, of which ${count(again)} are tried again.`);
}

function failures(interval: Interval): Result {
  const name = "carillon_deliveries_recorded_total";
  const recorded = interval.increase(name);
  const failed = interval.increase(name, ({ status }) => status === "failed");
  const ratio = recorded === 0 ? 0 : failed / recorded;
  const found = `${count(failed)} of ${several(recorded, "delivery", "deliveries")} became dead letters, ${percent(ratio)} (bound ${percent(bounds.failedDeliveryRatio.warning)}).`;
  return judged(ratio, bounds.failedDeliveryRatio, found, "dead-letters");
}

function receivers(interval: Interval): Result[] {
  const silent = interval.value("carillon_receivers_silent");
  if (silent === null) return [];
  if (silent === 0) return [ok("all answer.")];
  return [
    warn(`${several(silent, "host")} left many calls unanswered and is left alone.`, null, "silent-receiver"),
  ];
}
