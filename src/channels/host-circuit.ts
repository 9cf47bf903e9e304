/**
 * What is known of hosts that do not answer. A host that hangs would take every place of its channel for as long as a send
 * may take; so one that left many calls in a row unanswered is left alone for a while, and then asked by one call.
 */

/** Calls in a row without an answer after which a host is left alone. */
const unansweredMax = 16;
/** For how long at first, in milliseconds; twice as long each time that it does not answer then, up to the most. */
const restFirstMs = 15_000;
const restMaxMs = 240_000;
/** Hosts that are remembered: those that do not answer. The one that did so first is forgotten first. */
const hostsMax = 10_000;

interface Host {
  unanswered: number;
  /** Left alone until then; 0 before it ever was. */
  restUntilMs: number;
  restMs: number;
  /** One call is asking whether it answers again, until this time at most. */
  askedUntilMs: number;
}

export interface HostCircuit {
  /** How long a host is to be left alone from now on, in milliseconds; 0 where it may be called. */
  restOf(host: string, nowMs: number): number;
  /** It gave an answer, whatever it said. */
  answered(host: string): void;
  unanswered(host: string, nowMs: number): void;
  /** Hosts that left so many calls unanswered that they are left alone, and have not answered since. */
  silent(): number;
}

/** @param callMaxMs how long a call may take: for so long no other one asks */
export function createHostCircuit({ callMaxMs }: { callMaxMs: number }): HostCircuit {
  const hosts = new Map<string, Host>();

  return {
    restOf(host, nowMs) {
      const known = hosts.get(host);
      if (known === undefined || known.unanswered < unansweredMax) return 0;
      const restMs = leftOf(known.restUntilMs, known.restMs, nowMs);
      if (restMs > 0) return restMs;
      const askedMs = leftOf(known.askedUntilMs, callMaxMs, nowMs);
      if (askedMs > 0) return askedMs;
      known.askedUntilMs = nowMs + callMaxMs;
      return 0;
    },
    answered: (host) => hosts.delete(host),
    unanswered(host, nowMs) {
      const known = hosts.get(host) ?? { unanswered: 0, restUntilMs: 0, restMs: 0, askedUntilMs: 0 };
      known.unanswered += 1;
      hosts.set(host, known);
      if (hosts.size > hostsMax) hosts.delete(hosts.keys().next().value ?? host);
      // Those that were under way when it was found out say nothing new.
      if (known.unanswered < unansweredMax || leftOf(known.restUntilMs, known.restMs, nowMs) > 0) return;
      known.restMs = Math.min(Math.max(restFirstMs, known.restMs * 2), restMaxMs);
      known.restUntilMs = nowMs + known.restMs;
      known.askedUntilMs = 0;
    },
    silent: () => [...hosts.values()].filter(({ unanswered }) => unanswered >= unansweredMax).length,
  };
}

/** None where more is left than there ever was: the clock was set back, and would have it wait for that, too. */
const leftOf = (untilMs: number, mostMs: number, nowMs: number): number =>
  untilMs - nowMs > mostMs ? 0 : Math.max(0, untilMs - nowMs);
