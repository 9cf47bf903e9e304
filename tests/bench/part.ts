import type { Sample } from "./figure.ts";
import type { Servers } from "./servers.ts";

export interface Bench {
  /** Brought up when they are first asked for. */
  servers(): Promise<Servers>;
  /** Those that were asked for. */
  opened(): Promise<Servers> | undefined;
  /** A tenth of the work: to see that it runs, not to read figures from. */
  quick: boolean;
  /** How many of something to do: all of it, or a tenth where it is to be quick. */
  scaled(count: number): number;
}

/** One round of measurements that belong together; whatever it starts and makes is gone when it resolves. */
export type Part = (bench: Bench) => Promise<Sample[]>;
