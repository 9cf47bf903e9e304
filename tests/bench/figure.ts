/** What a part of the benchmark measures, and how it is shown. */

export type Unit = "/s" | "ms" | "µs" | "s" | "MB" | "%";

/** What issue or guide ask for, of the value itself or of its ratio to the yardstick. */
export interface Aim {
  of: "ratio" | "value";
  atLeast?: number;
  atMost?: number;
}

/** One figure of one round. */
export interface Sample {
  name: string;
  value: number;
  unit: Unit;
  /** What the same machine reaches in the same round without us, in the same unit. */
  yardstick?: { name: string; value: number };
  aim?: Aim;
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Of several rounds of the same figures the median of each value, and of each ratio as its round had it. */
export function table(rounds: Sample[][]): Record<string, Record<string, string>> {
  const byName = Map.groupBy(rounds.flat(), ({ name }) => name);
  return Object.fromEntries([...byName].map(([name, samples]) => [name, row(samples)]));
}

function row(samples: Sample[]): Record<string, string> {
  const [first] = samples;
  if (first === undefined) return {};
  const { unit, yardstick, aim } = first;
  const value = median(samples.map((sample) => sample.value));
  const ratio = yardstick && median(samples.map((one) => one.value / (one.yardstick?.value ?? Number.NaN)));
  const against = yardstick && median(samples.map((one) => one.yardstick?.value ?? Number.NaN));
  return {
    measured: shown(value, unit),
    yardstick: yardstick ? `${yardstick.name} ${shown(against ?? 0, unit)}` : "",
    ratio: ratio === undefined ? "" : ratio.toFixed(2),
    aim: aim === undefined ? "" : wordsOf(aim, unit),
    "":
      aim === undefined
        ? ""
        : isMet(aim, aim.of === "ratio" ? (ratio ?? Number.NaN) : value)
          ? "met"
          : "missed",
  };
}

function wordsOf({ of, atLeast, atMost }: Aim, unit: Unit): string {
  const bound = atLeast ?? atMost ?? 0;
  return `${atLeast === undefined ? "≤" : "≥"} ${of === "ratio" ? bound.toFixed(2) : shown(bound, unit)}`;
}

const isMet = (
  { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY }: Aim,
  value: number,
) => value >= atLeast && value <= atMost;

function shown(value: number, unit: Unit): string {
  if (unit === "/s") return `${Math.round(value).toLocaleString("en")}/s`;
  return `${value < 10 ? value.toFixed(2) : value.toFixed(value < 100 ? 1 : 0)} ${unit}`;
}
