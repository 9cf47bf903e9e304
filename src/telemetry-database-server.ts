import { Counter, Gauge, type Registry } from "prom-client";
import type { DatabaseFigures } from "../db/figures.ts";
import { askedOnce } from "./asked-once.ts";
import { within } from "./within.ts";

/** Reading the metrics waits this long for the server's own figures, then goes without. */
const figuresTimeoutMs = 500;

type Labelled = [labels: Record<string, string>, value: number];

/**
 * From now on the metrics show what the database's server counts, of every process that uses it: absent while it
 * does not answer. Once a process.
 *
 * @param read asks the server
 */
export function watchDatabaseServer(registry: Registry, read: () => Promise<DatabaseFigures>): void {
  /** All that a scrape reads. */
  const figures = askedOnce(() => inTime(read()));
  const options = (name: string, help: string, labelNames: string[] = []) => ({
    name: `carillon_database_server_${name}`,
    help,
    labelNames,
    registers: [registry],
  });
  const gauge = (name: string, help: string, value: (of: DatabaseFigures) => number) =>
    new Gauge({
      ...options(name, help),
      async collect() {
        const found = await figures();
        if (found === null) this.remove();
        else this.set(value(found));
      },
    });
  const counter = (
    name: string,
    help: string,
    labelNames: string[],
    values: (of: DatabaseFigures) => Labelled[],
  ) =>
    new Counter({
      ...options(`${name}_total`, help, labelNames),
      async collect() {
        const found = await figures();
        this.reset();
        if (labelNames.length === 0) this.remove(); // What has no labels is reset to 0, not to nothing.
        for (const [labels, value] of found === null ? [] : values(found)) this.inc(labels, value);
      },
    });

  gauge("size_bytes", "Size of the database on its disk, indexes included", ({ sizeBytes }) => sizeBytes);
  gauge("sessions", "Connections to the database, whosever they are", ({ sessions }) => sessions);
  counter("deadlocks", "Deadlocks that the server resolved", [], ({ deadlocks }) => [[{}, deadlocks]]);
  counter("transactions", "Transactions, by how they ended", ["end"], ({ committed, rolledBack }) => [
    [{ end: "committed" }, committed],
    [{ end: "rolled_back" }, rolledBack],
  ]);
  counter("blocks", "Blocks that were read, by where they were", ["in"], ({ blocksHit, blocksRead }) => [
    [{ in: "memory" }, blocksHit],
    [{ in: "disk" }, blocksRead],
  ]);
}

/** Null where it fails or is late. */
const inTime = <T>(answer: Promise<T>): Promise<T | null> =>
  within(
    figuresTimeoutMs,
    answer.catch(() => null),
    () => null,
  );
