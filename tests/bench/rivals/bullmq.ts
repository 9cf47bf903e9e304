import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { concurrency, type Job, type Rival } from "./rival.ts";

const name = "deliver";

/** Added in bulk and removed when done, as its guide for production advises. */
export const bullmq: Rival = {
  name: "bullmq",
  prepare: async () => {},
  async openQueue({ redisUrl, redisPrefix }) {
    const connection = new Redis(redisUrl);
    const queue = new Queue<Job>(name, { connection, prefix: redisPrefix });
    return {
      async addAll(jobs) {
        await queue.addBulk(jobs.map((data) => ({ name, data, opts: { removeOnComplete: true } })));
      },
      async close() {
        await queue.close();
        connection.disconnect();
      },
    };
  },
  async work({ redisUrl, redisPrefix }, deliver) {
    const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
    const worker = new Worker<Job>(name, ({ data }) => deliver(data), {
      connection,
      prefix: redisPrefix,
      concurrency,
    });
    worker.on("error", (error) => console.error(error));
    await worker.waitUntilReady();
  },
};
