import { bucketsBetween, bucketsOf, type Labels, quantileOf, type Sample } from "./metrics-text.ts";

type Where = (labels: Labels) => boolean;
const everywhere: Where = () => true;

/** How many were observed, and what 19 of 20 of them did not exceed. */
export interface Spread {
  count: number;
  p95: number;
}

/** What a service's metrics say of the time between two readings: counters count from its start. */
export class Interval {
  readonly earlier: Sample[];

  constructor(
    earlier: Sample[],
    readonly later: Sample[],
    readonly seconds: number,
  ) {
    // A service that was started anew meanwhile begins at 0.
    this.earlier = startOf(earlier) === startOf(later) ? earlier : [];
  }

  /** By how much a counter rose, over all series that are asked for. */
  increase(name: string, where: Where = everywhere): number {
    // What the machine itself counts may go back by a tick.
    return Math.max(0, sumOf(this.later, name, where) - sumOf(this.earlier, name, where));
  }

  rate(name: string, where: Where = everywhere): number {
    return this.increase(name, where) / this.seconds;
  }

  /** What it says now, the sum of all series; null where there is none. */
  value(name: string, where: Where = everywhere): number | null {
    return this.later.some((sample) => sample.name === name && where(sample.labels))
      ? sumOf(this.later, name, where)
      : null;
  }

  /** The words that a label of a metric has. */
  words(name: string, label: string): string[] {
    const words = this.later.flatMap((sample) => (sample.name === name ? (sample.labels[label] ?? []) : []));
    return [...new Set(words)];
  }

  /** What a histogram observed meanwhile. */
  spread(histogram: string, where: Where = everywhere): Spread {
    const bucketsIn = (samples: Sample[]) =>
      bucketsOf(
        histogram,
        samples.filter(({ labels }) => where(labels)),
      );
    const buckets = bucketsBetween(bucketsIn(this.earlier), bucketsIn(this.later));
    return { count: buckets.get(Number.POSITIVE_INFINITY) ?? 0, p95: quantileOf(buckets, 0.95) };
  }

  /** The slowest of the words that a label has, by their own p95, at most `max` of them. */
  slowest(histogram: string, label: string, max: number, where: Where = everywhere): [string, Spread][] {
    return this.words(`${histogram}_bucket`, label)
      .map((word): [string, Spread] => [
        word,
        this.spread(histogram, (labels) => labels[label] === word && where(labels)),
      ])
      .filter(([, { count }]) => count > 0)
      .sort(([, a], [, b]) => b.p95 - a.p95)
      .slice(0, max);
  }
}

const startOf = (samples: Sample[]) =>
  samples.find(({ name }) => name === "process_start_time_seconds")?.value;

function sumOf(samples: Sample[], name: string, where: Where): number {
  let sum = 0;
  for (const sample of samples) if (sample.name === name && where(sample.labels)) sum += sample.value;
  return sum;
}
