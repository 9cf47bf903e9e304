import { bucketsBetween, bucketsOf, quantileOf, type Sample, samplesOf } from "../../src/metrics-text.ts";

/** What a service says of itself at /metrics: counts, and how its times spread. */
export class Metrics {
  readonly #samples: Sample[];

  constructor(text: string) {
    this.#samples = samplesOf(text);
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
   * A quantile of a histogram in seconds, over all its labels, of what was observed since `earlier`. In milliseconds; NaN
   * where nothing was observed.
   */
  quantileMs(histogram: string, share: number, earlier?: Metrics): number {
    const before = earlier === undefined ? new Map() : bucketsOf(histogram, earlier.#samples);
    return quantileOf(bucketsBetween(before, bucketsOf(histogram, this.#samples)), share) * 1000;
  }
}
