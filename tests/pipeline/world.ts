/**
 * The product as one process runs it, on data of its own, with a clock that the test steps. All of it is on this
 * thread, which has that clock. Its sweep makes no rounds by itself: `sweep()` makes one.
 */
import { setDefaultTimeout } from "bun:test";
import { type App, createApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config.ts";
import { createServer } from "../../src/http/server.ts";
import { ensureAdminKey } from "../../src/pipeline/keys.ts";
import { eventually } from "../eventually.ts";
import { type Client, createClient, type ListedDelivery } from "../process/client.ts";
import { type Receivers, startReceivers } from "../process/receivers.ts";
import { newAdminKey } from "../process.ts";
import { openStack, type StackName } from "../stacks.ts";
import { type SteppedClock, steppedClock } from "./clock.ts";

export interface World extends AsyncDisposable {
  /** The app that runs now: another one after a restart. */
  readonly app: App;
  readonly client: Client;
  clock: SteppedClock;
  receivers: Receivers;
  adminKey: string;
  /** Errors that were logged. A test that expects some takes them out; any that are left fail it. */
  errors: string[];
  /** One round of the sweep: hands on what is due by now. */
  sweep(): Promise<void>;
  /** Stops the app and starts another on the same data, with these settings added. */
  restart(env?: Record<string, string>): Promise<void>;
  /** Resolves once the delivery of a notification on a channel has this status, as `caller` sees it. */
  delivery(id: string, channel: string, status: string, caller?: Client): Promise<ListedDelivery>;
}

interface WorldOptions {
  /** What it runs on; by default the embedded parts. */
  stack?: StackName;
  dev?: boolean;
  /** Settings, beyond those that lead to the receivers. */
  env?: Record<string, string>;
  /** Whether email and webhook have providers. */
  providers?: boolean;
}

/** A start takes a second, more where other tests run beside. Bun 1.4.4 reads no time-out from bunfig.toml. */
setDefaultTimeout(30_000);

/** No round of the sweep comes by itself while a test runs. */
const sweepIntervalMs = 60_000;

export async function createWorld({
  stack: stackName = "embedded",
  dev = false,
  env = {},
  providers = true,
}: WorldOptions = {}): Promise<World> {
  const stack = await openStack(stackName);
  const receivers = await startReceivers();
  const clock = steppedClock();
  const adminKey = newAdminKey();
  const errors: string[] = [];
  const settings = {
    ...(providers ? receivers.env : {}),
    ...stack.env,
    WORKERS: "0",
    SWEEP_INTERVAL_MS: String(sweepIntervalMs),
    DRAIN_MS: "0",
    LOG_LEVEL: "error",
  };

  async function start(more: Record<string, string>): Promise<{ app: App; client: Client }> {
    const config = loadConfig({ ...settings, ...more });
    const app = await createApp(config, { dev, clock, write: (line) => errors.push(line) });
    await ensureAdminKey(app, adminKey);
    const { fetch } = createServer(app);
    const client = createClient({ url: "http://carillon.test", key: adminKey, fetchRequest: fetch });
    return { app, client };
  }

  let { app, client } = await start(env);
  return {
    get app() {
      return app;
    },
    get client() {
      return client;
    },
    clock,
    receivers,
    adminKey,
    errors,
    sweep: () => app.sweep(),
    async restart(more = {}) {
      await app.stop();
      ({ app, client } = await start({ ...env, ...more }));
    },
    delivery(id, channel, status, caller = client) {
      return eventually(async () => {
        const { deliveries } = await caller.notification(id);
        const found = deliveries.find((delivery) => delivery.channel === channel);
        if (found?.status !== status) throw new Error(`it is ${JSON.stringify(found)}`);
        return found;
      });
    },
    async [Symbol.asyncDispose]() {
      await app.stop();
      await receivers[Symbol.asyncDispose]();
      await stack[Symbol.asyncDispose]();
      if (errors.length > 0) throw new Error(`errors were logged:\n${errors.join("\n")}`);
    },
  };
}
