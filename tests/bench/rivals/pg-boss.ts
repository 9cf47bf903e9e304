import { PgBoss } from "pg-boss";
import { concurrency, type Job, type Rival } from "./rival.ts";

const queue = "deliver";

/**
 * Woken by NOTIFY, and fetching on without a pause while batches come full, as its documentation has it for bursts. Two
 * workers, so that one sends while the other fetches; each batch is settled as one.
 */
const options = { batchSize: concurrency, localConcurrency: 2, burstWhenBatchFull: true };

const open = async (connectionString: string) => {
  const boss = new PgBoss({ connectionString, useListenNotify: true });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  return boss;
};

export const pgBoss: Rival = {
  name: "pg-boss",
  async prepare({ databaseUrl }) {
    const boss = await open(databaseUrl);
    await boss.createQueue(queue, { notify: true });
    await boss.stop();
  },
  async openQueue({ databaseUrl }) {
    const boss = await open(databaseUrl);
    return {
      async addAll(jobs) {
        await boss.insert(
          queue,
          jobs.map((data) => ({ data })),
        );
      },
      close: () => boss.stop(),
    };
  },
  async work({ databaseUrl }, deliver) {
    const boss = await open(databaseUrl);
    await boss.work<Job>(queue, options, async (jobs) => {
      await Promise.all(jobs.map(({ data }) => deliver(data)));
    });
  },
};
