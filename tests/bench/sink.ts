/**
 * Where webhooks go: a process of its own, `bun sink.ts`. It counts what arrives, by `webhook-id`, and how long each took
 * since the time in its data. Whoever measures asks it by the other paths.
 */
import { epochMs } from "./clock.ts";

export interface Arrivals {
  arrivals: number;
  unique: number;
  /** Milliseconds since the epoch; 0 before the first. */
  firstMs: number;
  lastMs: number;
}

let ids = new Set<string>();
let arrivals = 0;
let firstMs = 0;
let lastMs = 0;
let latenciesMs: number[] = [];
let held: PromiseWithResolvers<void> | null = null;
let awaited: { isReached: () => boolean; reached: () => void }[] = [];

function reset(): void {
  ids = new Set();
  arrivals = 0;
  firstMs = 0;
  lastMs = 0;
  latenciesMs = [];
}

async function take(request: Request): Promise<Response> {
  const { data } = (await request.json()) as { data: { data: { at?: number } | null; priority?: string } };
  if (held) await held.promise;
  const nowMs = epochMs();
  if (arrivals === 0) firstMs = nowMs;
  arrivals += 1;
  lastMs = nowMs;
  ids.add(request.headers.get("webhook-id") ?? "");
  if (data.data?.at !== undefined) latenciesMs.push(nowMs - data.data.at);
  for (const { isReached, reached } of awaited) if (isReached()) reached();
  return new Response(null, { status: 204 });
}

const state = (): Arrivals => ({ arrivals, unique: ids.size, firstMs, lastMs });

async function until(isReached: () => boolean): Promise<void> {
  if (isReached()) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = { isReached, reached: resolve };
  awaited.push(waiting);
  await promise;
  awaited = awaited.filter((one) => one !== waiting);
}

const server = Bun.serve({
  port: 0,
  idleTimeout: 0,
  routes: {
    "/hook": { POST: take },
    "/reset": () => {
      reset();
      return Response.json(state());
    },
    "/hold": () => {
      held ??= Promise.withResolvers();
      return Response.json(state());
    },
    "/release": () => {
      held?.resolve();
      held = null;
      return Response.json({ releasedMs: epochMs() });
    },
    "/state": () => Response.json(state()),
    "/wait/:unique": async ({ params }) => {
      await until(() => ids.size >= Number(params.unique));
      return Response.json(state());
    },
    "/forget-latencies": () => {
      latenciesMs = [];
      return Response.json(state());
    },
    "/latencies/:count": async ({ params }) => {
      await until(() => latenciesMs.length >= Number(params.count));
      return Response.json(latenciesMs);
    },
  },
});
console.log(`listening on http://127.0.0.1:${server.port}`);
