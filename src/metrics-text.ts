/** What `GET /metrics` gives, read again. Prometheus's text format (0.0.4), as far as prom-client writes it. */

export type Labels = Record<string, string>;

export interface Sample {
  name: string;
  labels: Labels;
  value: number;
}

const samplePattern = /^(\w+)(?:\{(.*)\})? (\S+)$/gm;
const labelPattern = /(\w+)="((?:[^"\\]|\\.)*)"/g;

export function samplesOf(text: string): Sample[] {
  return [...text.matchAll(samplePattern)].map(([, name = "", labels = "", value = ""]) => ({
    name,
    labels: Object.fromEntries(
      [...labels.matchAll(labelPattern)].map(([, label = "", word = ""]) => [label, unescaped(word)]),
    ),
    value: numberOf(value),
  }));
}

const unescaped = (word: string) =>
  word.replaceAll(/\\(.)/g, (_, character) => (character === "n" ? "\n" : character));

const numberOf = (word: string) => Number(word.replace("Inf", "Infinity"));

/** How many observations of a histogram are at most this large (`le`), by that bound. */
export type Buckets = Map<number, number>;

/** Of several series, the sum. */
export function bucketsOf(histogram: string, samples: Sample[]): Buckets {
  const buckets: Buckets = new Map();
  for (const { name, labels, value } of samples) {
    if (name !== `${histogram}_bucket`) continue;
    const bound = numberOf(labels.le ?? "");
    buckets.set(bound, (buckets.get(bound) ?? 0) + value);
  }
  return buckets;
}

/**
 * The value that a share of the observations does not exceed, within its bucket taken as evenly spread, as Prometheus
 * does; beyond the last bound, that bound. NaN where nothing was observed.
 */
export function quantileOf(buckets: Buckets, share: number): number {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const wanted = (sorted.at(-1)?.[1] ?? 0) * share;
  let [lowerBound, lowerCount] = [0, 0];
  for (const [bound, count] of sorted) {
    if (count >= wanted && count > 0) {
      if (!Number.isFinite(bound)) return lowerBound;
      const within = count === lowerCount ? 1 : (wanted - lowerCount) / (count - lowerCount);
      return lowerBound + (bound - lowerBound) * within;
    }
    [lowerBound, lowerCount] = [bound, count];
  }
  return Number.NaN;
}

/** What was observed between two readings. */
export function bucketsBetween(earlier: Buckets, later: Buckets): Buckets {
  return new Map([...later].map(([bound, count]) => [bound, count - (earlier.get(bound) ?? 0)]));
}
