import { quantile } from "../bench/quantile.ts";
import type { Interval } from "./traffic.ts";

/** How much older than the newest a second must be until nothing more comes of it: k6 hands over what it has once a second. */
const settledAfterSeconds = 5;

/** Puts single answers together into seconds, exactly, and holds no more than the last few of them. */
export class Seconds {
  readonly #open = new Map<number, { timesMs: number[]; errors: number }>();
  readonly #onInterval: (interval: Interval) => void;
  #newest = 0;

  constructor(onInterval: (interval: Interval) => void) {
    this.#onInterval = onInterval;
  }

  answered(atSeconds: number, timeMs: number): void {
    this.#at(atSeconds).timesMs.push(timeMs);
  }

  failed(atSeconds: number): void {
    this.#at(atSeconds).errors += 1;
  }

  end(): void {
    this.#settle(Number.POSITIVE_INFINITY);
  }

  #at(atSeconds: number) {
    const known = this.#open.get(atSeconds);
    if (known) return known;
    const opened = { timesMs: [], errors: 0 };
    this.#open.set(atSeconds, opened);
    this.#newest = Math.max(this.#newest, atSeconds);
    this.#settle(this.#newest - settledAfterSeconds);
    return opened;
  }

  #settle(before: number): void {
    for (const atSeconds of [...this.#open.keys()].filter((one) => one < before).sort((a, b) => a - b)) {
      const { timesMs, errors } = this.#open.get(atSeconds) ?? { timesMs: [], errors: 0 };
      this.#open.delete(atSeconds);
      const sorted = new Float64Array(timesMs).sort();
      this.#onInterval({
        atSeconds,
        lengthSeconds: 1,
        requests: sorted.length,
        errors,
        p50Ms: quantile(sorted, 0.5),
        p95Ms: quantile(sorted, 0.95),
        p99Ms: quantile(sorted, 0.99),
      });
    }
  }
}
