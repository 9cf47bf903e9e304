/** A worker that ends in the middle of its work: the process starts another one. */
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import type { Fault } from "./fault.ts";

/** `carillon serve` whose workers SIGUSR2 ends. */
export const mortalWorkers = [process.execPath, join(import.meta.dir, "mortal-workers.ts"), "serve"];

/** The latest moment of an end after the worker delivers again. */
const endAfterMaxMs = 500;

export const workerEnds: Fault = {
  name: "a worker ends in the middle of a batch",
  stacks: ["all"],
  shortOn: ["all"],
  // One that ends often waits 10 s before it is started again.
  recoverMaxMs: 25_000,
  answerMaxMs: 5000,
  async inject({ seats: [seat], form, random, ledger, hasArrived, midBatch }) {
    await seat.stop();
    await seat.start(mortalWorkers);
    for (let round = 0; round < form.workerEnds; round++) {
      const startedMs = performance.now();
      const delivers = () =>
        [...ledger.promisedAtMs].some(([id, atMs]) => atMs > startedMs && hasArrived(id));
      await eventually(delivers, { timeoutMs: 30_000, intervalMs: 50 });
      await Bun.sleep(random() * endAfterMaxMs);
      await midBatch();
      seat.service?.kill("SIGUSR2");
    }
    return { interrupted: form.workerEnds };
  },
};
