/**
 * The load generator, a process of its own: `bun load.ts <options as JSON>` prints its result as JSON. Closed: so many
 * requests under way, as fast as they are answered. Open (`ratePerSecond`): each request at its time, however
 * slow the answers are, so that a stall is seen by all whom it would have kept waiting.
 */
import type { Priority } from "../../src/channels/channel.ts";
import { bulkBody, bulkItems, type Content, singleBody } from "./bodies.ts";
import { epochMs } from "./clock.ts";
import { openHttpClient } from "./http-client.ts";
import { quantile } from "./quantile.ts";

export interface LoadOptions {
  origin: string;
  key: string;
  kind: "single" | "bulk";
  content: Content;
  /** Requests, each of one notification or of so many. */
  requests: number;
  /** What each request's Idempotency-Key begins with, before its number; none has one without. */
  keys?: string;
  /** Of a bulk request. */
  items?: number;
  /** Connections, and so requests under way at once. */
  concurrency: number;
  ratePerSecond?: number;
  /** The priorities that the notifications have in turn, instead of the content's. */
  mix?: Priority[];
  /** Every so many notifications, one goes to one of these users. */
  watched?: { every: number; users: string[] };
}

export interface LoadResult {
  requests: number;
  notifications: number;
  /** Answers that were not 202. */
  refused: number;
  /** The same by priority, where there is a mix of them. */
  lanes: Partial<Record<Priority, Lane>>;
  /** Of the first request, in milliseconds since the epoch. */
  startedMs: number;
  seconds: number;
  /** Of this process. */
  cpuSeconds: number;
  /** From a request's time to its 202, in milliseconds. */
  p50: number;
  p95: number;
  p99: number;
}

interface Lane {
  accepted: number;
  refused: number;
  p99: number;
}

const paths = { single: "/v1/notifications", bulk: "/v1/notifications/bulk" };

async function run(options: LoadOptions): Promise<LoadResult> {
  const { origin, key, keys, requests, concurrency, kind, ratePerSecond } = options;
  const client = await openHttpClient({
    origin,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    connections: concurrency,
  });
  const answered = new Map<Priority | undefined, { timesMs: number[]; refused: number }>();
  const send = async (index: number, atMs: number, body: string) => {
    const { status } = await client.post(
      paths[kind],
      body,
      keys === undefined ? "" : `idempotency-key: ${keys}-${index}\r\n`,
    );
    const lane = answered.getOrInsertComputed(priorityOf(options, index), () => ({
      timesMs: [],
      refused: 0,
    }));
    if (status === 202) lane.timesMs.push(epochMs() - atMs);
    else lane.refused += 1;
  };
  const usedBefore = process.cpuUsage();
  const startedMs = epochMs();
  await (ratePerSecond === undefined
    ? closedLoop(options, send)
    : openLoop(options, ratePerSecond, startedMs, send));
  const seconds = (epochMs() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(usedBefore);
  client.close();
  const lanes = [...answered].map(([priority, { timesMs, refused }]) => ({
    priority,
    lane: { accepted: timesMs.length, refused, p99: quantile(new Float64Array(timesMs).sort(), 0.99) },
  }));
  const timesMs = new Float64Array([...answered.values()].flatMap((lane) => lane.timesMs)).sort();
  return {
    requests,
    notifications: requests * (kind === "bulk" ? (options.items ?? bulkItems) : 1),
    refused: requests - timesMs.length,
    lanes: Object.fromEntries(lanes.map(({ priority, lane }) => [priority, lane])),
    startedMs,
    seconds,
    cpuSeconds: (user + system) / 1e6,
    p50: quantile(timesMs, 0.5),
    p95: quantile(timesMs, 0.95),
    p99: quantile(timesMs, 0.99),
  };
}

const priorityOf = ({ mix, content }: LoadOptions, index: number) =>
  mix === undefined ? content.priority : mix[index % mix.length];

type Send = (index: number, atMs: number, body: string) => Promise<void>;

/** What is sent each time of a priority: made once, since the generator is measured beside what it measures. */
function bulkBodies({
  kind,
  content,
  items,
}: LoadOptions): ((priority: Priority | undefined) => string) | null {
  if (kind === "single") return null;
  const bodies = new Map<Priority | undefined, string>();
  return (priority) =>
    bodies.getOrInsertComputed(priority, () =>
      bulkBody(0, { ...content, ...(priority && { priority }) }, items ?? bulkItems),
    );
}

async function closedLoop(options: LoadOptions, send: Send): Promise<void> {
  const { content, requests, concurrency } = options;
  const bulk = bulkBodies(options);
  let next = 0;
  const sender = async () => {
    while (next < requests) {
      const index = next;
      next += 1;
      const priority = priorityOf(options, index);
      await send(
        index,
        epochMs(),
        bulk?.(priority) ?? singleBody(index, { ...content, ...(priority && { priority }) }),
      );
    }
  };
  await Promise.all(Array.from({ length: concurrency }, sender));
}

async function openLoop(
  options: LoadOptions,
  ratePerSecond: number,
  startedMs: number,
  send: Send,
): Promise<void> {
  const { content, requests, watched } = options;
  const sent: Promise<void>[] = [];
  const userOf = (index: number) =>
    watched && index % watched.every === 0
      ? { user: watched.users[(index / watched.every) % watched.users.length] ?? "" }
      : {};
  const bulk = bulkBodies(options);
  while (sent.length < requests) {
    const due = Math.min(requests, Math.floor(((epochMs() - startedMs) * ratePerSecond) / 1000) + 1);
    while (sent.length < due) {
      const index = sent.length;
      const atMs = startedMs + (index * 1000) / ratePerSecond;
      const priority = priorityOf(options, index);
      const own = { ...content, ...(priority && { priority }), atMs, ...userOf(index) };
      sent.push(send(index, atMs, bulk?.(priority) ?? singleBody(index, own)));
    }
    await Bun.sleep(1);
  }
  await Promise.all(sent);
}

if (import.meta.main) console.log(JSON.stringify(await run(JSON.parse(process.argv[2] ?? "{}"))));
