import type { Command } from "commander";
import type { MetricObject, Registry } from "prom-client";
import { writeBetween } from "./cli-table.ts";
import { createTelemetry } from "./telemetry.ts";
import { createArchiveTelemetry } from "./telemetry-archive.ts";
import { createCacheTelemetry } from "./telemetry-cache.ts";
import { createDatabaseTelemetry } from "./telemetry-database.ts";
import { watchDatabaseServer } from "./telemetry-database-server.ts";
import { createHttpTelemetry } from "./telemetry-http.ts";
import { createKafkaTelemetry } from "./telemetry-kafka.ts";
import { watchLines } from "./telemetry-lines.ts";
import { watchMachine } from "./telemetry-machine.ts";
import { ofProcess } from "./telemetry-process.ts";
import { watchAccept, watchChannels, watchLanes, watchReceivers } from "./telemetry-queues.ts";
import { createSpanTelemetry } from "./telemetry-spans.ts";

const startMark = "<!-- metrics -->";
const endMark = "<!-- /metrics -->";

export function addMetricsCommand(program: Command): void {
  program
    .command("metrics")
    .description("Print every metric as a Markdown table.")
    .option("--write <file>", `Put the table between ${startMark} and ${endMark} of a file instead.`)
    .addHelpText("after", "\nExample:\n  carillon metrics --write docs/metrics.md")
    .action(async ({ write }: { write?: string }) => {
      if (write === undefined) console.log(metricsTable());
      else await writeBetween(write, { startMark, endMark, table: metricsTable() });
    });
}

/** A metric with its labels, which prom-client keeps and its types leave out. */
interface Declared extends MetricObject {
  labelNames?: string[];
}

/** For docs/metrics.md. */
export function metricsTable(): string {
  const rows = [ofProcess, everything()].flatMap((registry) =>
    (registry.getMetricsAsArray() as Declared[]).map(({ name, type, labelNames = [], help }) => {
      const labels = labelNames.map((label) => `\`${label}\``).join(", ");
      return `| \`${name}\` | ${type} | ${labels} | ${help} |`;
    }),
  );
  return ["| metric | type | labels | what it says |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** A registry of all that any settings bring about. Nothing is read, so nothing needs to be there. */
export function everything(): Registry {
  const telemetry = createTelemetry({ level: "error" });
  const { registry, log } = telemetry;
  const unread = () => {
    throw new Error("this registry only tells what there is");
  };
  createHttpTelemetry(telemetry);
  watchAccept(telemetry, { waiting: unread, backlog: unread });
  watchChannels(telemetry, unread);
  watchLanes(telemetry, unread);
  watchReceivers(telemetry, { webhook: { name: "webhook", send: unread, silentHosts: unread } });
  createDatabaseTelemetry({ registry, log, slowQueryMs: 0 });
  watchDatabaseServer(registry, unread);
  const cache = createCacheTelemetry({ registry, log, names: [] });
  cache.watchMemory({ size: unread, evicted: unread });
  cache.watch({
    circuitOpen: unread,
    replicaUsed: unread,
    pool: unread,
    pendingInvalidations: unread,
    info: unread,
  });
  createKafkaTelemetry(telemetry).watch({
    buffered: unread,
    backlog: unread,
    partitions: unread,
    fault: unread,
  });
  createArchiveTelemetry(telemetry);
  createSpanTelemetry(telemetry);
  watchMachine(registry, ".");
  watchLines(registry, { dropped: unread });
  return registry;
}
