import { AggregatorRegistry } from "prom-client";

/** A registry's metrics with their values, as it gives them in JSON. */
export type Snapshot = { type: string }[];

/**
 * What threads said of their metrics. A sum over threads must not fall while one is late or started anew: Prometheus
 * would take that for a restart, and count all of it once more.
 */
export class ThreadMetrics {
  readonly #last = new Map<number, Snapshot>();
  /** What those that ended had counted, as far as they said. */
  #ended: Snapshot = [];

  said(thread: number, metrics: Snapshot): void {
    this.#last.set(thread, metrics);
  }

  /** Its counts stay; what it had in hand (the gauges) is gone. */
  ended(thread: number): void {
    const counts = this.#last.get(thread)?.filter(({ type }) => type !== "gauge") ?? [];
    this.#last.delete(thread);
    const sum: unknown = AggregatorRegistry.aggregate([this.#ended, counts]).getMetricsAsArray();
    this.#ended = sum as Snapshot; // prom-client's types say an enum where its objects have a word.
  }

  /** One of each thread, and one of all that ended. */
  all(): Snapshot[] {
    return [...this.#last.values(), this.#ended];
  }
}
