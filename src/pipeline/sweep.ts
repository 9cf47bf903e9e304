import type { Clock } from "../ports.ts";
import type { Telemetry } from "../telemetry.ts";

/** One of the things that a round looks after. It hands on all that is due, a bounded page at a time. */
export type SweepTask = (nowMs: number) => Promise<void>;

export interface Sweep {
  /** One round: hands on everything that is due. */
  run(): Promise<void>;
  /** Rounds every interval, and at once when woken. The first one has been made when this resolves. */
  start(): Promise<void>;
  wake(): void;
  stop(): Promise<void>;
}

interface Needs {
  clock: Clock;
  telemetry: Telemetry;
  intervalMs: number;
}

/**
 * What makes the path hold over crashes: it asks the database, again and again, for what somebody should have handed on.
 * A task that fails is tried again with the next round, and does not keep the others from theirs.
 */
export function createSweep({ clock, telemetry, intervalMs }: Needs, tasks: SweepTask[]): Sweep {
  let stopped = false;
  let woken = false;
  let endWait = () => {};
  let loop: Promise<void> = Promise.resolve();

  async function run(): Promise<void> {
    const nowMs = clock.now();
    for (const task of tasks) {
      try {
        await task(nowMs);
      } catch (error) {
        telemetry.failed("sweep", error);
      }
    }
  }

  async function rounds(): Promise<void> {
    while (!stopped) {
      if (!woken) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, intervalMs);
          endWait = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      woken = false;
      if (!stopped) await run();
    }
  }

  const wake = () => {
    woken = true;
    endWait();
  };

  return {
    run,
    async start() {
      await run();
      loop = rounds();
    },
    wake,
    async stop() {
      stopped = true;
      wake();
      await loop;
    },
  };
}
