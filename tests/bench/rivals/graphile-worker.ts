import { makeWorkerUtils, run, runMigrations } from "graphile-worker";
import { concurrency, type Job, type Rival } from "./rival.ts";

const identifier = "deliver";

/** Batching as https://worker.graphile.org/docs/performance has it for its own figures. */
const worker = {
  concurrentJobs: concurrency,
  maxPoolSize: concurrency + 2,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};

export const graphileWorker: Rival = {
  name: "graphile-worker",
  prepare: ({ databaseUrl }) => runMigrations({ connectionString: databaseUrl }),
  async openQueue({ databaseUrl }) {
    const utils = await makeWorkerUtils({ connectionString: databaseUrl });
    return {
      async addAll(jobs) {
        await utils.addJobs(jobs.map((payload) => ({ identifier, payload })));
      },
      close: async () => utils.release(),
    };
  },
  async work({ databaseUrl }, deliver) {
    await run({
      preset: { worker: { connectionString: databaseUrl, ...worker } },
      taskList: { [identifier]: (payload) => deliver(payload as Job) },
    });
  },
};
