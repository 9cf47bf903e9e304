import type { ExternalChannel, Provider, Providers } from "../channels/channel.ts";
import type { Cache, Clock, Database, EventLog } from "../ports.ts";
import type { Telemetry } from "../telemetry.ts";
import { watchChannels, watchLanes, watchReceivers } from "../telemetry-queues.ts";
import type { Tracing } from "../telemetry-tracing.ts";
import { createDeliver } from "./deliver.ts";
import { dispatch } from "./dispatch.ts";
import type { LanePace } from "./lane-pace.ts";
import { type Dispatch, plannedTogether } from "./planned-together.ts";
import { createRecord } from "./record.ts";
import { createSweep } from "./sweep.ts";
import { deliveriesTask, releaseOrphans } from "./sweep-deliver.ts";

/** Whatever takes events from the log and sends: this thread, or workers. */
export interface Work {
  /** Something is due now: it need not wait for the next round of the sweep. */
  wake(): void;
  /** One round of its sweep. */
  sweep(): Promise<void>;
  /** The metrics of other threads, each as its registry gives them. */
  metrics(): Promise<object[][]>;
  /** Takes nothing more, waits `graceMs` for what is being sent, then cuts it off; all of it is recorded. */
  stop(graceMs: number): Promise<void>;
}

interface Needs {
  db: Database;
  cache: Cache;
  log: EventLog;
  clock: Clock;
  telemetry: Telemetry;
  pace: LanePace;
  tracing: Tracing | null;
  providers: Providers;
  testProvider: Provider;
  channels: readonly ExternalChannel[];
  concurrency: Record<ExternalChannel, number>;
  retrySchedule: readonly number[];
  attemptMaxMs: number;
  leaseMs: number;
  cachePreferencesTtlSeconds: number;
  sweepIntervalMs: number;
  /** Null where the log is this process's own, which hands out one batch of a lane after the other. */
  kafkaBrokers: readonly string[] | null;
}

/** The half of the path that follows the event log, on this thread: dispatch, deliver, record, and their sweep. */
export async function startWork(needs: Needs): Promise<Work> {
  const { log, db, pace, telemetry } = needs;
  const record = createRecord(needs);
  let wake = () => {};
  const deliver = createDeliver({ ...needs, record, onRoom: () => wake() });
  watchChannels(telemetry, deliver.counts);
  watchLanes(telemetry, pace.share);
  watchReceivers(telemetry, needs.providers);
  const work = { ...needs, deliver, onMore: () => wake() };
  await releaseOrphans(work);
  const sweep = createSweep({ ...needs, intervalMs: needs.sweepIntervalMs }, [deliveriesTask(work)]);
  wake = sweep.wake;
  const plan: Dispatch = (batch, lane) => dispatch(work, batch, lane);
  await log.consume(needs.kafkaBrokers === null ? plan : plannedTogether(plan));
  await sweep.start();
  db.signals.listen("wake", wake, wake);

  return {
    wake,
    sweep: sweep.run,
    metrics: async () => [],
    async stop(graceMs) {
      pace.end();
      await sweep.stop();
      await log.close();
      await deliver.stop(graceMs);
    },
  };
}
