/** Processes that are killed while they send. */
import { eventually } from "../eventually.ts";
import type { Fault } from "./fault.ts";

/** The latest moment of a kill after the process delivers again. */
const killAfterMaxMs = 500;
/** What a survivor may take to deliver what the dead one held: the lease, the grace, and two rounds of the sweep. */
const takeOverMaxMs = 20_000;

export const killAndRestart: Fault = {
  name: "kill -9 and restart",
  stacks: ["embedded", "redis", "all"],
  shortOn: [], // On embedded parts that is tests/process/crash.test.ts.
  recoverMaxMs: 15_000,
  answerMaxMs: 10_000,
  async inject({ seats: [seat], form, random, ledger, hasArrived, midBatch }) {
    for (let round = 1; round <= form.seeds; round++) {
      await Bun.sleep(random() * killAfterMaxMs);
      await midBatch();
      await seat.kill();
      const killedMs = performance.now();
      await seat.start();
      // The next kill is to hit a process that delivers; what the last one does is the recovery.
      const delivers = () => [...ledger.promisedAtMs].some(([id, atMs]) => atMs > killedMs && hasArrived(id));
      if (round < form.seeds) await eventually(delivers, { timeoutMs: 30_000, intervalMs: 50 });
    }
    return { interrupted: form.seeds };
  },
};

export const killOneOfTwo: Fault = {
  name: "kill -9 of one of two processes, the other goes on",
  stacks: ["postgres"],
  shortOn: ["postgres"],
  recoverMaxMs: 5000,
  answerMaxMs: 10_000,
  async inject({ seats, form, random, ledger, hasArrived, midBatch }) {
    const violations: string[] = [];
    for (let round = 0; round < form.seeds; round++) {
      await Bun.sleep(random() * killAfterMaxMs);
      await midBatch();
      const victim = seats[round % seats.length] ?? seats[0];
      await victim.kill();
      const before = [...ledger.promised.keys()];
      const takenOver = () => before.every(hasArrived);
      await eventually(takenOver, { timeoutMs: takeOverMaxMs, intervalMs: 50 }).catch(() => {
        const left = before.filter((id) => !hasArrived(id)).length;
        violations.push(`${left} that the dead one held were not taken over within ${takeOverMaxMs} ms`);
      });
      await victim.start();
    }
    return { interrupted: form.seeds, violations };
  },
};
