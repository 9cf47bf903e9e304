/** One scenario on one running service: the load, and what callers and service say of it. */
import type { ScenarioName } from "../../k6/bounds.ts";
import type { Service } from "../process.ts";
import type { Generator, Interval, Traffic } from "./traffic.ts";
import { type Figures, type Sample, watch } from "./watch.ts";

export interface Scenario {
  name: ScenarioName;
  /** Who comes, for people. */
  users: string;
  generate: Generator;
  /** How long its short form lasts. */
  shortSeconds: number;
}

export interface Result {
  scenario: Scenario;
  short: boolean;
  startedAt: Date;
  seconds: number;
  traffic: Traffic;
  figures: Figures;
  intervals: Interval[];
  samples: readonly Sample[];
}

interface Options {
  service: Pick<Service, "url" | "adminKey" | "exited" | "stderr">;
  /** Where webhooks go. */
  hookUrl: string;
  short: boolean;
  /** Where the load goes, if not straight to the service. */
  url?: string;
}

/** Of the same, before it counts: a service that just started compiles its code while it answers. */
const warmUpSeconds = 4;

/** @throws Error where the load cannot be made, or the service ends meanwhile */
export async function measure(
  scenario: Scenario,
  { service, hookUrl, short, url = service.url }: Options,
): Promise<Result> {
  const intervals: Interval[] = [];
  const ended = new AbortController();
  void service.exited.then((code) => {
    ended.abort(new Error(`the service ended with ${code} while it was under load:\n${service.stderr()}`));
  });
  const load = { url, apiKey: service.adminKey, hookUrl, signal: ended.signal };
  await scenario.generate({ ...load, lastsSeconds: warmUpSeconds, onInterval() {} });
  const startedAt = new Date();
  const watching = await watch(service.url);
  try {
    const traffic = await scenario.generate({
      ...load,
      lastsSeconds: short ? scenario.shortSeconds : null,
      onInterval: (interval) => intervals.push(interval),
    });
    const seconds = (Date.now() - startedAt.getTime()) / 1000;
    const figures = await watching.stop();
    return { scenario, short, startedAt, seconds, traffic, figures, intervals, samples: watching.samples };
  } finally {
    await watching.stop();
  }
}
