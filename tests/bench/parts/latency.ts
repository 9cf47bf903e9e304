import { onServer } from "../../databases.ts";
import { type Carillon, startCarillon } from "../carillon.ts";
import { epochMs } from "../clock.ts";
import type { Sample } from "../figure.ts";
import type { LoadOptions } from "../load.ts";
import type { Bench, Part } from "../part.ts";
import { quantile } from "../quantile.ts";
import { type Receiver, startReceiver } from "../receiver.ts";
import { openWorld, type Setup, type World } from "../world.ts";

const reachedRequests = 10_000;
const warmRequests = 2000;
const concurrency = 64;
/** Of the open loop: a stall holds nothing up, it only needs more of them. */
const connections = 256;
const steadySeconds = 10;
const quickSeconds = 1;

/** One in so many goes to one of these users, whose inboxes are looked at all the time. */
const watchedEvery = 100;
const watchedUsers = Array.from({ length: 24 }, (_, index) => `watched_${index}`);
const lookEveryMs = 2;

/** How long a notification takes at a steady half of what is reached, sent on schedule however slow the answers are. */
export const latency: Part = async (bench) => [
  ...(await latencyOn(bench, "postgres")),
  ...(await latencyOn(bench, "all")),
];

async function latencyOn(bench: Bench, setup: Setup): Promise<Sample[]> {
  await using world = await openWorld(await bench.servers());
  await using receiver = await startReceiver();
  await using carillon = await startCarillon({ world, setup });
  const before = await carillon.metrics();
  // While nobody has an address, what names no channel goes to the inbox, through the event log.
  const toInbox = await steadyToInbox(bench, carillon, world);
  await carillon.saveUsers(receiver.hookUrl);
  const toSink = await steadyToSink(bench, carillon, receiver);
  const after = await carillon.metrics();

  const on = `on ${carillon.label}`;
  const hits = after.sum("carillon_cache_requests_total", { result: "hit" });
  const misses = after.sum("carillon_cache_requests_total", { result: "miss" });
  const samples: Sample[] = [
    ...samplesOf(`to the HTTP sink ${on}`, toSink),
    ...samplesOf(`to the inbox through the event log ${on}`, toInbox),
    {
      name: `database p95 at both ${on}`,
      value: after.quantileMs("carillon_database_query_seconds", 0.95, before),
      unit: "ms",
      aim: { of: "value", atMost: 15 },
    },
    { name: `peak RSS at both ${on}`, value: await carillon.peakRssMb(), unit: "MB" },
  ];
  if (hits + misses === 0) return samples;
  return [
    ...samples,
    {
      name: `cache hit rate over the run ${on}`,
      value: (hits / (hits + misses)) * 100,
      unit: "%",
      aim: { of: "value", atLeast: 99 },
    },
  ];
}

function samplesOf(name: string, { ratePerSecond, timesMs }: Steady): Sample[] {
  return [
    { name: `half of the rate reached by single POSTs ${name}`, value: ratePerSecond, unit: "/s" },
    { name: `p50 ${name} at that rate`, value: quantile(timesMs, 0.5), unit: "ms" },
    {
      name: `p95 ${name} at that rate`,
      value: quantile(timesMs, 0.95),
      unit: "ms",
      aim: { of: "value", atMost: 100 },
    },
    { name: `p99 ${name} at that rate`, value: quantile(timesMs, 0.99), unit: "ms" },
  ];
}

interface Steady {
  ratePerSecond: number;
  /** Sorted. */
  timesMs: Float64Array;
}

async function steadyToSink(
  { scaled, quick }: Bench,
  carillon: Carillon,
  receiver: Receiver,
): Promise<Steady> {
  const load = { kind: "single", content: { channel: "webhook" } } as const;
  await carillon.load({ ...load, concurrency, requests: warmRequests });
  await receiver.arrived(warmRequests);
  await receiver.reset();
  const requests = scaled(reachedRequests);
  const { startedMs } = await carillon.load({ ...load, concurrency, requests });
  const { lastMs } = await receiver.arrived(requests);
  const ratePerSecond = requests / ((lastMs - startedMs) / 1000) / 2;

  await receiver.reset();
  const steady = Math.ceil(ratePerSecond * (quick ? quickSeconds : steadySeconds));
  await carillon.load({ ...load, concurrency: connections, requests: steady, ratePerSecond });
  return { ratePerSecond, timesMs: await receiver.latencies(steady) };
}

async function steadyToInbox({ scaled, quick }: Bench, carillon: Carillon, world: World): Promise<Steady> {
  const load = { kind: "single", content: {} } as const;
  const requests = scaled(reachedRequests);
  const { startedMs } = await carillon.load({ ...load, concurrency, requests });
  const ratePerSecond = requests / (((await carillon.inInbox(requests)) - startedMs) / 1000) / 2;

  const steady = Math.ceil(ratePerSecond * (quick ? quickSeconds : steadySeconds));
  const watched: LoadOptions["watched"] = { every: watchedEvery, users: watchedUsers };
  const expected = Math.ceil(steady / watchedEvery);
  const watching = watch(world, expected);
  await carillon.load({ ...load, concurrency: connections, requests: steady, ratePerSecond, watched });
  return { ratePerSecond, timesMs: await watching };
}

/**
 * Looks for what came to the watched inboxes until `count` did: a user at a time (`offset 0` keeps it so), by the index of
 * inboxes. Asked for all at once, the server, whose statistics are older than what came last, read everything of the last two
 * seconds by its primary key: 8 to 16 ms a look, which took a third of both cores from the service. Now a look takes 1 ms.
 */
function watch({ databaseUrl }: World, count: number): Promise<Float64Array> {
  return onServer(databaseUrl, async (sql) => {
    const timesMs: number[] = [];
    const seen = new Set<string>();
    let since = "00000000-0000-0000-0000-000000000000";
    const [project] = await sql<{ id: string }[]>`select id from projects where kind = 'live'`;
    while (seen.size < count) {
      const rows = await sql<{ id: string; at: number }[]>`
        select d.notification_id as id, (n.data ->> 'at')::float8 as at
        from unnest(${watchedUsers}::text[]) as u (id)
        cross join lateral (
          select notification_id from deliveries
          where project_id = ${project?.id ?? ""} and user_id = u.id and channel = 'inbox' and notification_id > ${since}
          offset 0
        ) d
        join notifications n on n.id = d.notification_id
        order by d.notification_id`;
      const nowMs = epochMs();
      for (const { id, at } of rows) {
        if (seen.has(id)) continue;
        seen.add(id);
        timesMs.push(nowMs - at);
      }
      // What is younger may still be followed by something older.
      const settled = rows.findLast(({ at }) => at < nowMs - 2000);
      if (settled) since = settled.id;
      await Bun.sleep(lookEveryMs);
    }
    return new Float64Array(timesMs).sort();
  });
}
