import type { Part } from "./part.ts";
import { bulk } from "./parts/bulk.ts";
import { burstLag } from "./parts/burst.ts";
import { compression } from "./parts/compression.ts";
import { embedded } from "./parts/embedded.ts";
import { endToEnd } from "./parts/end-to-end.ts";
import { keyed } from "./parts/keyed.ts";
import { lanes } from "./parts/lanes.ts";
import { latency } from "./parts/latency.ts";
import { produce } from "./parts/produce.ts";
import { single } from "./parts/single.ts";

/** Every part of the benchmark with what it measures, in the order in which they run. */
export const parts: Record<string, { measures: string; run: Part }> = {
  single: { measures: "single durable POSTs beside a bare server", run: single },
  keyed: { measures: "single POSTs with an Idempotency-Key, and their repetitions", run: keyed },
  bulk: { measures: "bulk requests, accepted and to the inbox, beside COPY", run: bulk },
  produce: { measures: "events into Kafka beside kafkajs alone", run: produce },
  "end-to-end": { measures: "to an HTTP sink beside graphile-worker, pg-boss and BullMQ", run: endToEnd },
  latency: { measures: "times, cache and database at half of the reached rate", run: latency },
  burst: { measures: "how fast a burst of 100,000 is worked off", run: burstLag },
  lanes: { measures: "critical ones while 100,000 of low priority wait", run: lanes },
  compression: {
    measures: "what zstd, brotli and gzip save of answers, and in which time",
    run: compression,
  },
  embedded: { measures: "the parts that need no server", run: embedded },
};
