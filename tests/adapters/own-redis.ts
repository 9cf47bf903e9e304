import { Redis } from "ioredis";
import { type OwnServer, startRedis } from "../services/own-server.ts";

/** A Redis that a test has for itself, to stop and kill, and a client of the test's own. */
export type OwnRedis = OwnServer & {
  /** Connects anew after a restart. */
  readonly admin: Redis;
};

/** @param settings as on Redis's command line */
export async function startOwnRedis(settings: string[] = []): Promise<OwnRedis> {
  const server = await startRedis(settings);
  const admin = new Redis(server.url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
  admin.on("error", () => {});
  const dispose = server[Symbol.asyncDispose];
  return Object.assign(server, {
    admin,
    async [Symbol.asyncDispose]() {
      admin.disconnect();
      await dispose();
    },
  });
}
