import { bulkItems } from "../bodies.ts";
import { type Carillon, startCarillon } from "../carillon.ts";
import type { Sample } from "../figure.ts";
import type { Bench, Part } from "../part.ts";
import { quantile } from "../quantile.ts";
import { type Receiver, startReceiver } from "../receiver.ts";
import { openWorld, type Setup } from "../world.ts";

const lowNotifications = 100_000;
const criticalPerSecond = 100;
const criticalSeconds = 5;
const connections = 64;
const bulkConcurrency = 4;

/** Critical notifications to the sink, alone and while a hundred thousand of low priority are queued for it. */
export const lanes: Part = async (bench) => [
  ...(await lanesOn(bench, "postgres")),
  ...(await lanesOn(bench, "all")),
];

async function lanesOn(bench: Bench, setup: Setup): Promise<Sample[]> {
  await using world = await openWorld(await bench.servers());
  await using receiver = await startReceiver();
  await using carillon = await startCarillon({ world, setup });
  await carillon.saveUsers(receiver.hookUrl);
  await critical(carillon, receiver);
  const alone = await critical(carillon, receiver);
  await carillon.load({
    kind: "bulk",
    content: { channel: "webhook", priority: "low" },
    concurrency: bulkConcurrency,
    requests: bench.scaled(lowNotifications) / bulkItems,
  });
  const before = await receiver.state();
  const startedMs = performance.now();
  const beside = await critical(carillon, receiver);
  const seconds = (performance.now() - startedMs) / 1000;
  const { arrivals } = await receiver.state();
  if (arrivals > bench.scaled(lowNotifications)) {
    throw new Error("the low-priority notifications were all sent before the critical ones were measured");
  }
  return [
    {
      name: `p95 of critical ones beside ${bench.scaled(lowNotifications).toLocaleString("en")} low ones on ${carillon.label}`,
      value: beside,
      unit: "ms",
      yardstick: { name: "without them", value: alone },
      aim: { of: "ratio", atMost: 2 },
    },
    {
      name: `low ones delivered meanwhile on ${carillon.label}`,
      value: (arrivals - before.arrivals - criticalPerSecond * criticalSeconds) / seconds,
      unit: "/s",
    },
  ];
}

/** The p95 of critical ones, from their schedule to the sink, in milliseconds. */
async function critical(carillon: Carillon, receiver: Receiver): Promise<number> {
  await receiver.forgetLatencies();
  const requests = criticalPerSecond * criticalSeconds;
  await carillon.load({
    kind: "single",
    content: { channel: "webhook", priority: "critical" },
    requests,
    concurrency: connections,
    ratePerSecond: criticalPerSecond,
  });
  return quantile(await receiver.latencies(requests), 0.95);
}
