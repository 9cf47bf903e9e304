/** Enqueues as an application would, a thousand jobs a call, four calls under way; a process of its own. */
import { bulkItems, text, title, userOf } from "../bodies.ts";
import { epochMs } from "../clock.ts";
import { type RivalName, rivals } from "./all.ts";
import type { Job, Place, Queue } from "./rival.ts";

export interface EnqueueOptions {
  rival: RivalName;
  place: Place;
  hookUrl: string;
  jobs: number;
}

export interface EnqueueResult {
  /** Of the first call, in milliseconds since the epoch. */
  startedMs: number;
  seconds: number;
}

export const callsInFlight = 4;

const { rival, place, hookUrl, jobs }: EnqueueOptions = JSON.parse(process.argv[2] ?? "{}");

const jobOf = (index: number): Job => ({
  id: Bun.randomUUIDv7(),
  url: hookUrl,
  userId: userOf(index),
  title,
  body: text,
  data: null,
  metadata: { order: 42 },
  createdAtMs: Date.now(),
});

async function enqueue(queue: Queue): Promise<EnqueueResult> {
  const startedMs = epochMs();
  let next = 0;
  await Promise.all(
    Array.from({ length: callsInFlight }, async () => {
      while (next < jobs) {
        const from = next;
        next += bulkItems;
        const count = Math.min(bulkItems, jobs - from);
        await queue.addAll(Array.from({ length: count }, (_, index) => jobOf(from + index)));
      }
    }),
  );
  return { startedMs, seconds: (epochMs() - startedMs) / 1000 };
}

const queue = await rivals[rival].openQueue(place);
const result = await enqueue(queue);
await queue.close();
console.log(JSON.stringify(result));
process.exit(0);
