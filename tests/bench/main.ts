import { cpus, loadavg } from "node:os";
import { startService } from "../process.ts";
import { tempFolder } from "../temp-folder.ts";
import { type LoadResult, runLoad } from "./load.ts";

/**
 * `bun run bench`: what the service reaches beside what the same machine reaches without it, in one run, so
 * that the ratios hold on another machine. The load generator runs beside the service, on the same cores.
 */

const rounds = Number(process.env.BENCH_ROUNDS ?? 3);
const singleRequests = 20_000;
const bulkRequests = 40;
const bulkItems = 1000;
const warmRequests = 3000;
const adminKey = "bench-key-0123456789abcdef0123456789abcdef";
const headers = { authorization: `Bearer ${adminKey}`, "content-type": "application/json" };

const item = (index: number) => ({
  to: `user_${index % 1000}`,
  title: "Your order has shipped",
  body: "Order 42 is on its way and should be with you by Friday.",
  channels: ["inbox"],
  metadata: { order: 42 },
});
const single = (index: number) => JSON.stringify(item(index));
const bulkBody = JSON.stringify({
  notifications: Array.from({ length: bulkItems }, (_, index) => item(index)),
});

interface Round {
  bare: LoadResult;
  accepted: LoadResult;
  /** Notifications a second, from the first request to the last one standing in an inbox. */
  singleToInbox: number;
  bulkToInbox: number;
  insertRows: number;
}

async function round(): Promise<Round> {
  const bare = await measureBare();
  const { accepted, singleToInbox, bulkToInbox } = await measureService();
  return { bare, accepted, singleToInbox, bulkToInbox, insertRows: await measureInserts() };
}

async function measureBare(): Promise<LoadResult> {
  await using bare = startService({
    command: [process.execPath, `${import.meta.dir}/bare.ts`],
    cwd: import.meta.dir,
  });
  await bare.ready;
  const load = { url: bare.url, headers, body: single, concurrency: 64 };
  await runLoad({ ...load, requests: warmRequests });
  return await runLoad({ ...load, requests: singleRequests });
}

async function measureService() {
  await using folder = tempFolder();
  await using service = startService({
    env: { DATA_DIR: folder.path, ADMIN_KEY: adminKey },
    cwd: folder.path,
  });
  await service.ready;
  const url = `${service.url}/v1/notifications`;
  const load = { url, headers, body: single, concurrency: 64 };
  let expected = warmRequests;
  await runLoad({ ...load, requests: warmRequests });
  await inInbox(service.url, expected);

  let startedMs = performance.now();
  const accepted = await runLoad({ ...load, requests: singleRequests });
  expected += singleRequests;
  await inInbox(service.url, expected);
  const singleToInbox = singleRequests / ((performance.now() - startedMs) / 1000);

  const bulk = { url: `${url}/bulk`, headers, body: () => bulkBody, concurrency: 4 };
  await runLoad({ ...bulk, requests: 5 });
  expected += 5 * bulkItems;
  await inInbox(service.url, expected);
  startedMs = performance.now();
  await runLoad({ ...bulk, requests: bulkRequests });
  expected += bulkRequests * bulkItems;
  await inInbox(service.url, expected);
  const bulkToInbox = (bulkRequests * bulkItems) / ((performance.now() - startedMs) / 1000);
  return { accepted, singleToInbox, bulkToInbox };
}

/** Waits until the service's own count of inbox deliveries has come to `count`. */
async function inInbox(url: string, count: number): Promise<void> {
  const deadlineMs = performance.now() + 120_000;
  while (performance.now() < deadlineMs) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const line = /^carillon_notifications_sent_total\{channel="inbox".*\} (\d+)$/m.exec(metrics);
    if (Number(line?.[1] ?? 0) >= count) return;
    await Bun.sleep(20);
  }
  throw new Error(`fewer than ${count} notifications came to an inbox`);
}

async function measureInserts(): Promise<number> {
  await using folder = tempFolder();
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/insert-rate.ts`, folder.path], {
    stdout: "pipe",
  });
  const { rowsPerSecond } = JSON.parse(await new Response(child.stdout).text()) as { rowsPerSecond: number };
  return rowsPerSecond;
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const rate = (value: number) => `${Math.round(value).toLocaleString("en")}/s`;
const rateOf = ({ requests, seconds }: LoadResult) => requests / seconds;

const results: Round[] = [];
for (let index = 0; index < rounds; index += 1) results.push(await round());
const of = (pick: (round: Round) => number) => median(results.map(pick));

console.log(
  `median of ${rounds}; ${cpus().length} cores shared by service and load generator; load average ${loadavg()[0]?.toFixed(1)}`,
);
console.table({
  "single durable POST ÷ bare Bun.serve": {
    ratio: of((r) => rateOf(r.accepted) / rateOf(r.bare)).toFixed(2),
    Carillon: rate(of((r) => rateOf(r.accepted))),
    yardstick: rate(of((r) => rateOf(r.bare))),
  },
  "single, to the inbox ÷ bare Bun.serve": {
    ratio: of((r) => r.singleToInbox / rateOf(r.bare)).toFixed(2),
    Carillon: rate(of((r) => r.singleToInbox)),
    yardstick: rate(of((r) => rateOf(r.bare))),
  },
  "bulk, to the inbox ÷ PGlite's batched inserts": {
    ratio: of((r) => r.bulkToInbox / r.insertRows).toFixed(2),
    Carillon: rate(of((r) => r.bulkToInbox)),
    yardstick: rate(of((r) => r.insertRows)),
  },
});
console.log(
  `single POST at 64 under way: p50 ${of((r) => r.accepted.p50).toFixed(1)} ms, p99 ${of((r) => r.accepted.p99).toFixed(1)} ms; ` +
    `not answered with 202: ${results.reduce((sum, r) => sum + r.accepted.refused, 0)}`,
);
