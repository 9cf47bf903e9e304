import { bulkItems } from "../bodies.ts";
import { startCarillon } from "../carillon.ts";
import { runScript } from "../child.ts";
import type { Sample } from "../figure.ts";
import type { Bench, Part } from "../part.ts";
import { openWorld, type Setup } from "../world.ts";
import type { CopyOptions, CopyResult } from "../yardsticks/copy.ts";

const rows = 100_000;
const warmRequests = 10;
const concurrency = 4;

/** Bulk requests of a thousand, to the 202 and on to the inbox, beside COPY into the same table. */
export const bulk: Part = async (bench) => {
  const copied = await copyRate(bench);
  return [...(await bulkOn(bench, "postgres", copied)), ...(await bulkOn(bench, "all", copied))];
};

/** By one connection or two, whichever is faster. */
async function copyRate({ servers, scaled }: Bench): Promise<number> {
  const rates: number[] = [];
  for (const streams of [1, 2]) {
    await using world = await openWorld(await servers());
    const options: CopyOptions = { databaseUrl: world.databaseUrl, rows: scaled(rows), streams };
    rates.push((await runScript<CopyResult>("yardsticks/copy.ts", options)).rowsPerSecond);
  }
  return Math.max(...rates);
}

/** What the issue wants to see in an inbox a second. */
const inboxAims: Record<Setup, number> = { postgres: 40_000, all: 20_000 };

async function bulkOn({ servers, scaled }: Bench, setup: Setup, copied: number): Promise<Sample[]> {
  await using world = await openWorld(await servers());
  await using carillon = await startCarillon({ world, setup });
  const load = { kind: "bulk", content: { channel: "inbox" }, concurrency } as const;
  await carillon.load({ ...load, requests: warmRequests });
  await carillon.inInbox(warmRequests * bulkItems);
  const requests = scaled(rows) / bulkItems;
  const cpuBefore = await carillon.cpuSeconds();
  const result = await carillon.load({ ...load, requests });
  const inboxMs = await carillon.inInbox((warmRequests + requests) * bulkItems);
  const cpuSeconds = (await carillon.cpuSeconds()) - cpuBefore;
  if (result.refused > 0) throw new Error(`${result.refused} requests were not answered with 202`);
  const on = `on ${carillon.label}`;
  return [
    {
      name: `bulk of 1,000 accepted ${on}`,
      value: result.notifications / result.seconds,
      unit: "/s",
      yardstick: { name: "COPY", value: copied },
      aim: { of: "ratio", atLeast: 0.45 },
    },
    {
      name: `bulk of 1,000 to the inbox ${on}`,
      value: result.notifications / ((inboxMs - result.startedMs) / 1000),
      unit: "/s",
      yardstick: { name: "COPY", value: copied },
      aim: { of: "value", atLeast: inboxAims[setup] },
    },
    {
      name: `CPU time of the service for a bulk item to the inbox ${on}`,
      value: (cpuSeconds / result.notifications) * 1e6,
      unit: "µs",
    },
    {
      name: `peak RSS after ${((warmRequests + requests) * bulkItems).toLocaleString("en")} in bulk ${on}`,
      value: await carillon.peakRssMb(),
      unit: "MB",
    },
  ];
}
