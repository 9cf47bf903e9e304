/** What a service says of itself at /metrics: counts, and how its times spread. */
export class Metrics {
  readonly #samples: { name: string; labels: Record<string, string>; value: number }[];

  constructor(text: string) {
    this.#samples = [...text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(
      ([, name = "", labels = "", value]) => ({
        name,
        labels: Object.fromEntries(
          [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = "", word = ""]) => [key, word]),
        ),
        value: Number(value),
      }),
    );
  }

  /** Of all samples with these labels; 0 where there is none. */
  sum(name: string, labels: Record<string, string> = {}): number {
    return this.#samples
      .filter((sample) => sample.name === name)
      .filter((sample) => Object.entries(labels).every(([key, word]) => sample.labels[key] === word))
      .reduce((sum, { value }) => sum + value, 0);
  }

  /** The largest of all samples of this name; 0 where there is none. */
  max(name: string): number {
    return Math.max(0, ...this.#samples.filter((sample) => sample.name === name).map(({ value }) => value));
  }

  /**
   * A quantile of a histogram in seconds, over all its labels, of what was observed since `earlier`; within its
   * bucket taken as evenly spread, as Prometheus does. In milliseconds; NaN where nothing was observed.
   */
  quantileMs(histogram: string, share: number, earlier?: Metrics): number {
    const bounds = this.#buckets(histogram);
    const before = earlier === undefined ? [] : earlier.#buckets(histogram);
    for (const [bound, count] of before) bounds.set(bound, (bounds.get(bound) ?? 0) - count);
    const sorted = [...bounds].sort(([a], [b]) => a - b);
    const wanted = (sorted.at(-1)?.[1] ?? 0) * share;
    let [lowerBound, lowerCount] = [0, 0];
    for (const [bound, count] of sorted) {
      if (count >= wanted && count > 0) {
        if (!Number.isFinite(bound)) return lowerBound * 1000;
        const within = count === lowerCount ? 1 : (wanted - lowerCount) / (count - lowerCount);
        return (lowerBound + (bound - lowerBound) * within) * 1000;
      }
      [lowerBound, lowerCount] = [bound, count];
    }
    return Number.NaN;
  }

  #buckets(histogram: string): Map<number, number> {
    const counts = new Map<number, number>();
    for (const { name, labels, value } of this.#samples) {
      if (name !== `${histogram}_bucket`) continue;
      const bound = labels.le === "+Inf" ? Number.POSITIVE_INFINITY : Number(labels.le);
      counts.set(bound, (counts.get(bound) ?? 0) + value);
    }
    return counts;
  }
}
