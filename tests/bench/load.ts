/**
 * The load generator, a process of its own: `bun load.ts <options as JSON>` prints its result as JSON. Closed: so many
 * requests under way, as fast as they are answered. Open (`ratePerSecond`): each request at its time, however
 * slow the answers are, so that a stall is seen by all whom it would have kept waiting.
 */
import { bulkBody, bulkItems, type Content, singleBody } from "./bodies.ts";
import { epochMs } from "./clock.ts";
import { openHttpClient } from "./http-client.ts";
import { quantile } from "./quantile.ts";

export interface LoadOptions {
  origin: string;
  key: string;
  kind: "single" | "bulk";
  content: Content;
  /** Requests, each of one notification or of a thousand. */
  requests: number;
  /** Connections, and so requests under way at once. */
  concurrency: number;
  ratePerSecond?: number;
  /** Every so many notifications, one goes to one of these users. */
  watched?: { every: number; users: string[] };
}

export interface LoadResult {
  requests: number;
  notifications: number;
  /** Answers that were not 202. */
  refused: number;
  /** Of the first request, in milliseconds since the epoch. */
  startedMs: number;
  seconds: number;
  /** Of this process. */
  cpuSeconds: number;
  /** From a request's time to its answer, in milliseconds. */
  p50: number;
  p95: number;
  p99: number;
}

const paths = { single: "/v1/notifications", bulk: "/v1/notifications/bulk" };

async function run(options: LoadOptions): Promise<LoadResult> {
  const { origin, key, requests, concurrency, kind, ratePerSecond } = options;
  const client = await openHttpClient({
    origin,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    connections: concurrency,
  });
  const timesMs = new Float64Array(requests);
  let refused = 0;
  const send = async (index: number, atMs: number, body: string) => {
    const { status } = await client.post(paths[kind], body);
    timesMs[index] = epochMs() - atMs;
    if (status !== 202) refused += 1;
  };
  const usedBefore = process.cpuUsage();
  const startedMs = epochMs();
  await (ratePerSecond === undefined
    ? closedLoop(options, send)
    : openLoop(options, ratePerSecond, startedMs, send));
  const seconds = (epochMs() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(usedBefore);
  client.close();
  timesMs.sort();
  const notifications = requests * (kind === "bulk" ? bulkItems : 1);
  const cpuSeconds = (user + system) / 1e6;
  return {
    requests,
    notifications,
    refused,
    startedMs,
    seconds,
    cpuSeconds,
    p50: quantile(timesMs, 0.5),
    p95: quantile(timesMs, 0.95),
    p99: quantile(timesMs, 0.99),
  };
}

type Send = (index: number, atMs: number, body: string) => Promise<void>;

async function closedLoop({ kind, content, requests, concurrency }: LoadOptions, send: Send): Promise<void> {
  const bulk = kind === "bulk" ? bulkBody(0, content) : null;
  let next = 0;
  const sender = async () => {
    while (next < requests) {
      const index = next;
      next += 1;
      await send(index, epochMs(), bulk ?? singleBody(index, content));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, sender));
}

async function openLoop(
  { content, requests, watched }: LoadOptions,
  ratePerSecond: number,
  startedMs: number,
  send: Send,
): Promise<void> {
  const sent: Promise<void>[] = [];
  const userOf = (index: number) =>
    watched && index % watched.every === 0
      ? { user: watched.users[(index / watched.every) % watched.users.length] ?? "" }
      : {};
  while (sent.length < requests) {
    const due = Math.min(requests, Math.floor(((epochMs() - startedMs) * ratePerSecond) / 1000) + 1);
    while (sent.length < due) {
      const index = sent.length;
      const atMs = startedMs + (index * 1000) / ratePerSecond;
      sent.push(send(index, atMs, singleBody(index, { ...content, atMs, ...userOf(index) })));
    }
    await Bun.sleep(1);
  }
  await Promise.all(sent);
}

if (import.meta.main) console.log(JSON.stringify(await run(JSON.parse(process.argv[2] ?? "{}"))));
