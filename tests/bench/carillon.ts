import { readFile } from "node:fs/promises";
import postgres from "postgres";
import { eventually } from "../eventually.ts";
import { startService } from "../process.ts";
import { tempFolder } from "../temp-folder.ts";
import { userCount, userOf, webhookSecret } from "./bodies.ts";
import { runScript } from "./child.ts";
import { epochMs } from "./clock.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import { Metrics } from "./metrics.ts";
import { type Setup, setupNames, type World } from "./world.ts";

/** The service under test, as whoever measures holds it. */
export interface Carillon extends AsyncDisposable {
  url: string;
  /** What it runs on, for people. */
  label: string;
  load(options: Omit<LoadOptions, "origin" | "key">): Promise<LoadResult>;
  metrics(): Promise<Metrics>;
  /** The most memory that it had resident so far, in MB. */
  peakRssMb(): Promise<number>;
  /** The CPU time that it has used so far, of both cores: steadier than rates where others use the machine as well. */
  cpuSeconds(): Promise<number>;
  /** Ends it in order, as SIGTERM does. */
  stop(): Promise<void>;
  /** Gives each of the users the webhook that their notifications go to. */
  saveUsers(webhookUrl: string): Promise<void>;
  /** Resolves once so many deliveries stand in inboxes, with the time. It asks the server's database, not the service. */
  inInbox(count: number): Promise<number>;
  /** Resolves once so many deliveries by webhook were planned. */
  planned(count: number): Promise<number>;
  /** Resolves once so many notifications reached their final status, by the service's own count. */
  closed(count: number): Promise<void>;
}

type Options = ({ setup: Setup; world: World } | { setup: "embedded"; world?: never }) & {
  /** Bun's own flags, such as those of its profiler. */
  flags?: string[];
  env?: Record<string, string>;
};

const main = `${import.meta.dir}/../../src/main.ts`;
/** Without a line for each request and notification, as the servers beside it write none: they cost under 1 µs each. */
export const logLevel = "warn";

const inDatabase = { timeoutMs: 240_000, intervalMs: 50 };
const inMetrics = { timeoutMs: 240_000, intervalMs: 200 };

export async function startCarillon(options: Options): Promise<Carillon> {
  const { world, setup, flags = [], env = {} } = options;
  const folder = tempFolder();
  const service = startService({
    command: [process.execPath, ...flags, main, "serve"],
    cwd: folder.path,
    env: {
      ...(setup === "embedded" ? {} : world.settingsOf(setup)),
      DATA_DIR: folder.path,
      RATE_LIMIT_PER_MINUTE: "0",
      LOG_LEVEL: logLevel,
      WEBHOOK_SECRET: webhookSecret,
      WEBHOOK_ALLOW_PRIVATE: "1",
      ...env,
    },
  });
  await service.ready;
  const { url, adminKey, pid } = service;
  const sql = world && postgres(world.databaseUrl, { max: 1, onnotice: () => {} });
  const metrics = async () => new Metrics(await (await fetch(`${url}/metrics`)).text());
  const counted = async (channel: string): Promise<number> => {
    if (!sql) return (await metrics()).sum("carillon_notifications_sent_total", { channel });
    const [found] = await sql<{ count: number }[]>`
      select count(*)::int as count from deliveries where channel = ${channel}`;
    return found?.count ?? 0;
  };

  async function deliveries(channel: "inbox" | "webhook", count: number): Promise<number> {
    let found = 0;
    const allFound = async () => {
      found = await counted(channel);
      return found >= count && epochMs();
    };
    try {
      return await eventually(allFound, inDatabase);
    } catch (cause) {
      const told = `${found} of ${count} deliveries by ${channel} were made\n${service.stderr()}`;
      throw new Error(told, { cause });
    }
  }

  return {
    url,
    label: setupNames[setup],
    load: (options) => runScript("load.ts", { ...options, origin: url, key: adminKey } satisfies LoadOptions),
    metrics,
    async peakRssMb() {
      const status = await readFile(`/proc/${pid}/status`, "utf8");
      return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1024;
    },
    cpuSeconds: () => cpuSecondsOf(pid),
    async stop() {
      service.kill("SIGTERM");
      await service.exited;
    },
    async saveUsers(webhookUrl) {
      const headers = { authorization: `Bearer ${adminKey}`, "content-type": "application/json" };
      const save = async (index: number) => {
        const answer = await fetch(`${url}/v1/users/${userOf(index)}`, {
          method: "PUT",
          headers,
          body: JSON.stringify({ webhook_url: webhookUrl }),
        });
        if (!answer.ok)
          throw new Error(`a user could not be stored: ${answer.status} ${await answer.text()}`);
      };
      for (let index = 0; index < userCount; index += 1) await save(index);
    },
    inInbox: (count) => deliveries("inbox", count),
    planned: (count) => deliveries("webhook", count),
    async closed(count) {
      const closed = async () => (await metrics()).sum("carillon_notifications_closed_total");
      await eventually(async () => (await closed()) >= count, inMetrics);
    },
    async [Symbol.asyncDispose]() {
      await sql?.end();
      // Its database is dropped next: there is nothing to end in order for.
      service.kill("SIGKILL");
      await service[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** The kernel counts in hundredths of a second, on every Linux that Bun runs on. */
const ticksPerSecond = 100;

export async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The process's name, in brackets, may hold anything; utime and stime are fields 14 and 15 of all.
  const [utime, stime] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return (Number(utime) + Number(stime)) / ticksPerSecond;
}
