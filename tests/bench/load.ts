/** A load generator: keeps a number of requests under way until so many were answered. */

export interface LoadResult {
  requests: number;
  /** Answers that were not 202. */
  refused: number;
  seconds: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
}

interface LoadOptions {
  url: string;
  headers: Record<string, string>;
  body: (index: number) => string;
  requests: number;
  /** Requests under way at once; Bun's fetch is fastest at 64 to one host. */
  concurrency: number;
}

export async function runLoad({
  url,
  headers,
  body,
  requests,
  concurrency,
}: LoadOptions): Promise<LoadResult> {
  const timesMs = new Float64Array(requests);
  let next = 0;
  let refused = 0;
  const startedMs = performance.now();
  async function sender(): Promise<void> {
    while (next < requests) {
      const index = next;
      next += 1;
      const sentMs = performance.now();
      const answer = await fetch(url, { method: "POST", headers, body: body(index) });
      await answer.arrayBuffer();
      timesMs[index] = performance.now() - sentMs;
      if (answer.status !== 202) refused += 1;
    }
  }
  await Promise.all(Array.from({ length: concurrency }, sender));
  const seconds = (performance.now() - startedMs) / 1000;
  timesMs.sort();
  const at = (share: number) => timesMs[Math.min(requests - 1, Math.floor(requests * share))] ?? 0;
  return { requests, refused, seconds, p50: at(0.5), p99: at(0.99) };
}
