import { startService } from "../process.ts";
import type { Arrivals } from "./sink.ts";

/** The sink, as whoever measures holds it. */
export interface Receiver extends AsyncDisposable {
  /** Where webhooks go. */
  hookUrl: string;
  reset(): Promise<Arrivals>;
  state(): Promise<Arrivals>;
  /** Leaves requests unanswered until `release`, which gives its time in milliseconds since the epoch. */
  hold(): Promise<Arrivals>;
  release(): Promise<{ releasedMs: number }>;
  /** Resolves once so many different ones came. @throws Error where they do not come in time */
  arrived(unique: number): Promise<Arrivals>;
  forgetLatencies(): Promise<Arrivals>;
  /** Of what carried a time, once so many came: sorted, in milliseconds. */
  latencies(count: number): Promise<Float64Array>;
}

const arriveTimeoutMs = 240_000;

export async function startReceiver(): Promise<Receiver> {
  const child = startService({
    command: [process.execPath, `${import.meta.dir}/sink.ts`],
    cwd: import.meta.dir,
  });
  await child.ready;
  const ask = async <T>(path: string): Promise<T> => {
    const answer = await fetch(`${child.url}${path}`, { signal: AbortSignal.timeout(arriveTimeoutMs) });
    return (await answer.json()) as T;
  };
  return {
    hookUrl: `${child.url}/hook`,
    reset: () => ask("/reset"),
    state: () => ask("/state"),
    hold: () => ask("/hold"),
    release: () => ask("/release"),
    async arrived(unique) {
      try {
        return await ask(`/wait/${unique}`);
      } catch (error) {
        const found = JSON.stringify(await ask("/state"));
        throw new Error(`fewer than ${unique} came in ${arriveTimeoutMs} ms: ${found}`, { cause: error });
      }
    },
    forgetLatencies: () => ask("/forget-latencies"),
    latencies: async (count) => new Float64Array(await ask<number[]>(`/latencies/${count}`)).sort(),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
