import { bulkItems, type Content } from "../bodies.ts";
import { startCarillon } from "../carillon.ts";
import { runScript } from "../child.ts";
import type { Sample } from "../figure.ts";
import type { LoadResult } from "../load.ts";
import type { Bench, Part } from "../part.ts";
import { openWorld, type Setup, setupNames } from "../world.ts";
import type { CopyOptions, CopyResult } from "../yardsticks/copy.ts";

const rows = 100_000;
const warmRequests = 10;
const concurrency = 4;
const laterMs = 30 * 24 * 3_600_000;
const acceptAim = { of: "ratio", atLeast: 0.45 } as const;

/** Bulk requests of a thousand, to the 202 and on to the inbox, beside COPY into the same table. */
export const bulk: Part = async (bench) => {
  const copied = await copyRate(bench);
  const samples: Sample[] = [];
  for (const setup of ["postgres", "all"] as const) {
    samples.push(await scheduledOn(bench, setup, copied), ...(await bulkOn(bench, setup, copied)));
  }
  return samples;
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

/** What COPY does and no more: stored, with a row that says when it is due, and not planned yet. */
async function scheduledOn({ servers, scaled }: Bench, setup: Setup, copied: number): Promise<Sample> {
  await using world = await openWorld(await servers());
  await using carillon = await startCarillon({ world, setup });
  const content = { channel: "inbox", sendAtMs: Date.now() + laterMs } as const;
  const load = { kind: "bulk", content, concurrency } as const;
  await carillon.load({ ...load, requests: warmRequests });
  const result = await carillon.load({ ...load, requests: scaled(rows) / bulkItems });
  if (result.refused > 0) throw new Error(`${result.refused} requests were not answered with 202`);
  return {
    name: `bulk of 1,000 accepted for later on ${carillon.label}`,
    value: result.notifications / result.seconds,
    unit: "/s",
    yardstick: { name: "COPY", value: copied },
    aim: acceptAim,
  };
}

interface ToInbox {
  result: LoadResult;
  /** Until all of it stood in the inboxes. */
  ratePerSecond: number;
  /** Of the service. */
  cpuSeconds: number;
  peakRssMb: number;
}

async function toInbox({ servers, scaled }: Bench, setup: Setup, content: Content): Promise<ToInbox> {
  await using world = await openWorld(await servers());
  await using carillon = await startCarillon({ world, setup });
  const load = { kind: "bulk", content, concurrency } as const;
  await carillon.load({ ...load, requests: warmRequests });
  await carillon.inInbox(warmRequests * bulkItems);
  const requests = scaled(rows) / bulkItems;
  const cpuBefore = await carillon.cpuSeconds();
  const result = await carillon.load({ ...load, requests });
  const inboxMs = await carillon.inInbox((warmRequests + requests) * bulkItems);
  const cpuSeconds = (await carillon.cpuSeconds()) - cpuBefore;
  if (result.refused > 0) throw new Error(`${result.refused} requests were not answered with 202`);
  return {
    result,
    ratePerSecond: result.notifications / ((inboxMs - result.startedMs) / 1000),
    cpuSeconds,
    peakRssMb: await carillon.peakRssMb(),
  };
}

async function bulkOn(bench: Bench, setup: Setup, copied: number): Promise<Sample[]> {
  const { result, ratePerSecond, cpuSeconds, peakRssMb } = await toInbox(bench, setup, { channel: "inbox" });
  // To users without an address, all channels: they are looked up, behind the event log.
  const planned = await toInbox(bench, setup, {});
  const on = `on ${setupNames[setup]}`;
  const copy = { name: "COPY", value: copied };
  const inboxAim = { of: "value", atLeast: inboxAims[setup] } as const;
  return [
    {
      name: `bulk of 1,000 accepted ${on}`,
      value: result.notifications / result.seconds,
      unit: "/s",
      yardstick: copy,
      aim: acceptAim,
    },
    {
      name: `bulk of 1,000 to the inbox alone ${on}`,
      value: ratePerSecond,
      unit: "/s",
      yardstick: copy,
      aim: inboxAim,
    },
    {
      name: `CPU time of the service for a bulk item to the inbox alone ${on}`,
      value: (cpuSeconds / result.notifications) * 1e6,
      unit: "µs",
    },
    {
      name: `bulk of 1,000 to the inbox through the event log ${on}`,
      value: planned.ratePerSecond,
      unit: "/s",
      yardstick: copy,
      aim: inboxAim,
    },
    {
      name: `CPU time of the service for a bulk item to the inbox through the event log ${on}`,
      value: (planned.cpuSeconds / planned.result.notifications) * 1e6,
      unit: "µs",
    },
    {
      name: `peak RSS after ${(planned.result.notifications + warmRequests * bulkItems).toLocaleString("en")} in bulk ${on}`,
      value: Math.max(peakRssMb, planned.peakRssMb),
      unit: "MB",
    },
  ];
}
