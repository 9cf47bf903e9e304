import { type App, createApp } from "./app.ts";
import type { Config } from "./config.ts";
import { StartError } from "./errors.ts";
import { greeting } from "./greeting.ts";
import { createServer } from "./http/server.ts";
import { ensureAdminKey } from "./pipeline/keys.ts";
import { linesToStderr, watchLines } from "./telemetry-lines.ts";
import { readable } from "./telemetry-readable.ts";

/** Bodies beyond this are refused by the server itself; below it, the API's own limits answer with a problem. */
const serverBodyMaxBytes = 128 * 1024 * 1024;

/** How long requests under way may take to end after SIGTERM, in milliseconds. */
const requestGraceMs = 2000;
const requestPollMs = 5;
/**
 * What the rest of a stop may take beyond LEAVE_MS and DRAIN_MS: with their defaults, a process is gone within 10 s of
 * SIGTERM.
 */
const stopSlackMs = 400;

/** How long the last lines of logging may take to be read. */
const linesFlushMs = 200;

export interface Service {
  app: App;
  url: string;
  /**
   * Ends in order, in bounded time: LEAVE_MS as before, and then, where something outside does not answer, what is
   * still under way is as safe as after a crash. The process is to be ended afterwards.
   */
  stop(): Promise<void>;
}

/** Starts everything and says so on stdout. */
export async function startService(config: Config, { dev }: { dev: boolean }): Promise<Service> {
  const startedMs = performance.now();
  const lines = linesToStderr();
  // What a program is to read stays as it is.
  const write = dev && process.stderr.isTTY ? (line: string) => lines.write(readable(line)) : lines.write;
  const app = await createApp(config, { dev, write });
  watchLines(app.telemetry.registry, lines);
  const server = await listen(app, config);
  // Only now: the key that a failed start made would never have been shown.
  const madeKey = await ensureAdminKey(app, config.adminKey);
  const url = `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${server.port}`;
  const readyMs = Math.round(performance.now() - startedMs);
  console.log(greeting({ app, url, readyMs, key: madeKey?.secret ?? null }));
  return {
    app,
    url,
    async stop() {
      app.leaving = true;
      await Bun.sleep(config.leaveMs);
      const timeMs = requestGraceMs + config.drainMs + stopSlackMs;
      const inTime = await Promise.race([
        stopInOrder(app, server).then(() => true),
        Bun.sleep(timeMs).then(() => false),
      ]);
      if (!inTime) app.telemetry.log("warn", "cut off what did not end in time", { time_ms: timeMs });
      await lines.flush(linesFlushMs);
    },
  };
}

async function stopInOrder(app: App, server: Awaited<ReturnType<typeof listen>>): Promise<void> {
  app.stopping = true;
  // It closes idle connections at once, and its promise waits for one that has sent half a head as well: the requests are
  // what is waited for here.
  void server.stop();
  await requestsEnded(server);
  await app.stop();
  await server.stop(true);
}

/** Resolves once no request is under way, or after the grace. */
async function requestsEnded(server: { pendingRequests: number }): Promise<void> {
  const deadlineMs = performance.now() + requestGraceMs;
  while (server.pendingRequests > 0 && performance.now() < deadlineMs) await Bun.sleep(requestPollMs);
}

async function listen(app: App, { host, port, keepAliveSeconds }: Config) {
  const { fetch } = createServer(app);
  try {
    return Bun.serve({
      hostname: host,
      port,
      idleTimeout: keepAliveSeconds,
      maxRequestBodySize: serverBodyMaxBytes,
      async fetch(request, server) {
        const response = await fetch(request, { requestIP: (of: Request) => server.requestIP(of) });
        // A proxy would send its next request on a connection that it was let keep.
        if (app.leaving) response.headers.set("connection", "close");
        return response;
      },
    });
  } catch (error) {
    await app.stop();
    throw new StartError(
      `Cannot listen on ${host}:${port}: ${listenFault(error)}. Set PORT or HOST to something free.`,
    );
  }
}

/** Why an address could not be taken, in words. */
export function listenFault(error: unknown): string {
  const { code = "", message } = error as { code?: string; message: string };
  return listenFaults[code] ?? message.replace(/\.$/, "");
}

const listenFaults: Record<string, string> = {
  EADDRINUSE: "another process listens there",
  EACCES: "this user may not listen there (ports below 1024 are the system's)",
  EADDRNOTAVAIL: "this machine has no such address",
  EINVAL: "there is no such address",
};
