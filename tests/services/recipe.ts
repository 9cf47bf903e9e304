/** How each kind of server is run, once its program is here; launch.ts runs them all alike. */

export const serverNames = ["postgres", "redis", "kafka", "mongodb"] as const;
export type ServerName = (typeof serverNames)[number];

export interface Recipe {
  name: ServerName;
  /** What runs, for people: `PostgreSQL 15.18`. */
  version: string;
  /** How many ports it listens on; the first is the one for clients. */
  portCount: number;
  /** Fills an empty data folder. */
  format(place: Place): Promise<void>;
  command(place: Place): string[];
  /** `stop` ends it in order, `discard` at once, where its data are of no more use. */
  signals: { stop: NodeJS.Signals; discard: NodeJS.Signals };
}

/** Where one server of a recipe lives. */
export interface Place {
  /** Absolute, and its own: data and configuration. */
  folder: string;
  ports: number[];
  /** A file that it appends its logging to. */
  log: string;
}

export function clientPort({ ports: [port] }: Place): number {
  if (!port) throw new Error("a server has at least one port");
  return port;
}
