import { startService } from "../../process.ts";
import type { Content } from "../bodies.ts";
import { startCarillon } from "../carillon.ts";
import { runScript } from "../child.ts";
import type { Sample } from "../figure.ts";
import type { LoadOptions, LoadResult } from "../load.ts";
import type { Bench, Part } from "../part.ts";
import { openWorld, type Setup } from "../world.ts";

export const singleRequests = 20_000;
/** Its first 20,000 requests cost a process a third more than later ones: they are compiled meanwhile. */
export const warmRequests = 20_000;
const concurrency = 64;
export const singleLoad = { kind: "single", content: { channel: "inbox" }, concurrency } as const;

/** Single durable POSTs, to the 202, beside a server that parses the same body and does nothing with it. */
export const single: Part = async (bench) => {
  const bare = await bareLoad(bench);
  const samples: Sample[] = [
    {
      name: "load generator, requests a second of its own CPU time",
      value: bare.requests / bare.cpuSeconds,
      unit: "/s",
    },
  ];
  for (const setup of ["postgres", "all"] as const) {
    samples.push(
      ...(await singleOn(bench, setup, bare, { content: { channel: "inbox" }, way: "to the inbox alone" })),
      // To users without an address, all channels: they are looked up, behind the event log.
      ...(await singleOn(bench, setup, bare, { content: {}, way: "to the inbox through the event log" })),
    );
  }
  return samples;
};

export async function bareLoad({ scaled }: Pick<Bench, "scaled">): Promise<LoadResult> {
  await using bare = startService({
    command: [process.execPath, `${import.meta.dir}/../yardsticks/bare.ts`],
    cwd: import.meta.dir,
  });
  await bare.ready;
  const load = { ...singleLoad, origin: bare.url, key: "bare" };
  await runScript("load.ts", { ...load, requests: scaled(warmRequests) } satisfies LoadOptions);
  return await runScript("load.ts", { ...load, requests: scaled(singleRequests) } satisfies LoadOptions);
}

async function singleOn(
  { servers, scaled }: Bench,
  setup: Setup,
  bare: LoadResult,
  { content, way }: { content: Content; way: string },
): Promise<Sample[]> {
  const load = { ...singleLoad, content };
  await using world = await openWorld(await servers());
  await using carillon = await startCarillon({ world, setup });
  await carillon.load({ ...load, requests: scaled(warmRequests) });
  await carillon.inInbox(scaled(warmRequests));
  const cpuBefore = await carillon.cpuSeconds();
  const result = await carillon.load({ ...load, requests: scaled(singleRequests) });
  const inboxMs = await carillon.inInbox(scaled(warmRequests) + scaled(singleRequests));
  const cpuSeconds = (await carillon.cpuSeconds()) - cpuBefore;
  if (result.refused > 0) throw new Error(`${result.refused} requests were not answered with 202`);
  const on = `${way} on ${carillon.label}`;
  return [
    {
      name: `single durable POST ${on}`,
      value: result.requests / result.seconds,
      unit: "/s",
      yardstick: { name: "bare Bun.serve", value: bare.requests / bare.seconds },
      aim: { of: "ratio", atLeast: 0.3 },
    },
    { name: `single durable POST ${on}, p99 at ${concurrency} under way`, value: result.p99, unit: "ms" },
    {
      name: `CPU time of the service for a single POST ${on}`,
      value: (cpuSeconds / result.requests) * 1e6,
      unit: "µs",
    },
    {
      name: `single POSTs ${on}, until they are there`,
      value: result.requests / ((inboxMs - result.startedMs) / 1000),
      unit: "/s",
    },
  ];
}
