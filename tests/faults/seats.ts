/** Places for processes of the service: one that was killed is followed by another in the same place. */
import { readFileSync } from "node:fs";
import { type Client, createClient } from "../process/client.ts";
import { type Service, type ServiceOptions, startService } from "../process.ts";

export interface Seat extends AsyncDisposable {
  /** The process that sits there; null after its end. */
  service: Service | null;
  client: Client;
  /** What a process said that ended though nobody asked it to; null while none has. */
  death: string | null;
  /** Resolves once the next one listens. @param command instead of the usual one */
  start(command?: string[]): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM, and SIGKILL after 20 s; gives its exit code and how long it took to end. */
  stop(): Promise<{ code: number; exitMs: number }>;
}

/** After that it is killed, so that one that hangs fails the run with its exit code rather than by never ending. */
const stopMaxMs = 20_000;
const deathChars = 3000;
const nowhere = createClient({ url: "http://127.0.0.1:9", key: "" });

/** An empty seat. @param options of the processes that will sit there, their ADMIN_KEY included */
export function createSeat(options: ServiceOptions & { env: { ADMIN_KEY: string } }): Seat {
  const seat: Seat = {
    service: null,
    client: nowhere,
    death: null,
    async start(command) {
      const service = startService(command ? { ...options, command } : options);
      seat.service = service;
      void service.exited.then((code) => {
        if (seat.service !== service) return;
        seat.service = null;
        seat.death = `it ended by itself with ${code}: ${service.stderr().slice(-deathChars)}`;
      });
      await service.ready;
      seat.client = createClient({ url: service.url, key: options.env.ADMIN_KEY });
    },
    async kill() {
      const { service } = seat;
      seat.service = null;
      service?.kill("SIGKILL");
      await service?.exited;
    },
    async stop() {
      const { service } = seat;
      if (service === null) throw new Error("nobody sits there");
      seat.service = null;
      const startedMs = performance.now();
      service.kill("SIGTERM");
      const kill = setTimeout(() => service.kill("SIGKILL"), stopMaxMs);
      const code = await service.exited;
      clearTimeout(kill);
      return { code, exitMs: performance.now() - startedMs };
    },
    async [Symbol.asyncDispose]() {
      await seat.service?.[Symbol.asyncDispose]();
    },
  };
  return seat;
}

/** What a process holds in memory, in MB (proc_pid_status(5), VmRSS). */
export function rssMb({ pid }: Service): number {
  const [, kB] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kB) / 1024;
}
