import packageFile from "../../../package.json";
import { bulkItems } from "../bodies.ts";
import { type Carillon, startCarillon } from "../carillon.ts";
import { runScript, startScript } from "../child.ts";
import type { Sample } from "../figure.ts";
import type { Bench, Part } from "../part.ts";
import { type Receiver, startReceiver } from "../receiver.ts";
import { type RivalName, rivals } from "../rivals/all.ts";
import type { EnqueueOptions, EnqueueResult } from "../rivals/enqueue.ts";
import type { Place } from "../rivals/rival.ts";
import type { WorkOptions } from "../rivals/work.ts";
import { openWorld, type Setup } from "../world.ts";

const notifications = 40_000;
/** Until all are as fast as they get: after 2,000, our first 20,000 took half as long again as the third. */
const warmRequests = 20;
const concurrency = 4;

/** From the first call to the last arrival, and from a full queue on; a second. */
interface Rates {
  endToEnd: number;
  drain: number;
}

/** The same bodies, signed alike, to the same receiver: ours in bulk requests, the others' by their own bulk calls. */
export const endToEnd: Part = async (bench) => {
  const graphile = await rivalRates(bench, "graphileWorker");
  const ours = [...(await sinkOn(bench, "postgres", graphile)), ...(await sinkOn(bench, "all", graphile))];
  const others = {
    graphileWorker: graphile,
    pgBoss: await rivalRates(bench, "pgBoss"),
    bullmq: await rivalRates(bench, "bullmq"),
  };
  return [
    ...ours,
    ...Object.entries(others).flatMap(([rival, rates]) => samplesOf(rival as RivalName, rates)),
  ];
};

function samplesOf(rival: RivalName, { endToEnd, drain }: Rates): Sample[] {
  const { name } = rivals[rival];
  const versions: Record<string, string> = packageFile.devDependencies;
  const label = `${name} ${versions[name]}`;
  return [
    { name: `${label} to the HTTP sink`, value: endToEnd, unit: "/s" },
    { name: `${label} to the HTTP sink, queue filled before`, value: drain, unit: "/s" },
  ];
}

async function sinkOn(bench: Bench, setup: Setup, graphile: Rates): Promise<Sample[]> {
  await using world = await openWorld(await bench.servers());
  await using receiver = await startReceiver();
  await using carillon = await startCarillon({ world, setup });
  await carillon.saveUsers(receiver.hookUrl);
  const { endToEnd, drain, surplus } = await ourRates(bench, carillon, receiver);
  const on = `on ${carillon.label}`;
  return [
    {
      name: `to the HTTP sink ${on}`,
      value: endToEnd,
      unit: "/s",
      yardstick: { name: "graphile-worker", value: graphile.endToEnd },
      aim: { of: "ratio", atLeast: 1 },
    },
    {
      name: `to the HTTP sink ${on}, queue filled before`,
      value: drain,
      unit: "/s",
      yardstick: { name: "graphile-worker", value: graphile.drain },
      aim: { of: "ratio", atLeast: 1 },
    },
    { name: `sent twice ${on}`, value: surplus * 100, unit: "%" },
    { name: `peak RSS to the HTTP sink ${on}`, value: await carillon.peakRssMb(), unit: "MB" },
  ];
}

/** `surplus`: the share that arrived more than once. */
async function ourRates(
  { scaled }: Bench,
  carillon: Carillon,
  receiver: Receiver,
): Promise<Rates & { surplus: number }> {
  const load = { kind: "bulk", content: { channel: "webhook" }, concurrency } as const;
  await carillon.load({ ...load, requests: warmRequests });
  await receiver.arrived(warmRequests * bulkItems);

  const count = scaled(notifications);
  await receiver.reset();
  const { startedMs } = await carillon.load({ ...load, requests: count / bulkItems });
  const { lastMs } = await receiver.arrived(count);
  const endToEnd = count / ((lastMs - startedMs) / 1000);

  await receiver.reset();
  await receiver.hold();
  await carillon.load({ ...load, requests: count / bulkItems });
  await carillon.planned(warmRequests * bulkItems + 2 * count);
  const { releasedMs } = await receiver.release();
  const drained = await receiver.arrived(count);
  const { arrivals, unique } = await receiver.state();
  return {
    endToEnd,
    drain: count / ((drained.lastMs - releasedMs) / 1000),
    surplus: (arrivals - unique) / unique,
  };
}

async function rivalRates({ servers, scaled }: Bench, rival: RivalName): Promise<Rates> {
  await using world = await openWorld(await servers());
  await using receiver = await startReceiver();
  const { redisUrl } = await servers();
  const place: Place = { ...world, redisUrl };
  const work: WorkOptions = { rival, place };
  const enqueue = (jobs: number) => {
    const options: EnqueueOptions = { rival, place, hookUrl: receiver.hookUrl, jobs };
    return runScript<EnqueueResult>("rivals/enqueue.ts", options);
  };
  await runScript("rivals/prepare.ts", work);
  const count = scaled(notifications);
  return { endToEnd: await whileWorking(), drain: await filledBefore() };

  async function whileWorking(): Promise<number> {
    await using _ = await startScript("rivals/work.ts", work);
    await enqueue(warmRequests * bulkItems);
    await receiver.arrived(warmRequests * bulkItems);
    await receiver.reset();
    const { startedMs } = await enqueue(count);
    const { lastMs } = await receiver.arrived(count);
    return count / ((lastMs - startedMs) / 1000);
  }

  /** From its first arrival on, so that the start of its process is left out. */
  async function filledBefore(): Promise<number> {
    await receiver.reset();
    await enqueue(count);
    await using _ = await startScript("rivals/work.ts", work);
    const { firstMs, lastMs } = await receiver.arrived(count);
    return count / ((lastMs - firstMs) / 1000);
  }
}
