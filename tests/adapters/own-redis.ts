/** A Redis that a test has for itself, to stop and kill. */
import { Redis } from "ioredis";
import { eventually } from "../eventually.ts";
import { onceGone } from "../process.ts";
import { tempFolder } from "../temp-folder.ts";

/** Disposing of it kills it and removes its data. It does not outlive this process. */
export interface OwnRedis extends AsyncDisposable {
  /** The same after a restart. */
  readonly url: string;
  readonly port: number;
  /** A client of the test's own. Connects anew after a restart. */
  readonly admin: Redis;
  pause(): void;
  resume(): void;
  kill(): Promise<void>;
  /** On the same port, without its data; resolves when it answers. */
  restart(): Promise<void>;
}

/** @param settings as on Redis's command line, besides those that keep it small and local */
export async function startOwnRedis(settings: string[] = [], { password = "" } = {}): Promise<OwnRedis> {
  const folder = tempFolder();
  const port = freePort();
  const binary = Bun.env.TEST_REDIS_SERVER ?? "redis-server";
  const start = () => {
    const common = [
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
      "--save",
      "",
      "--dir",
      folder.path,
      "--requirepass",
      password,
    ];
    const child = Bun.spawn([binary, ...common, ...settings], { stdout: "ignore", stderr: "inherit" });
    const ending = onceGone("kill", "-9", String(child.pid));
    const kill = async () => {
      child.kill("SIGKILL");
      await child.exited;
      ending.cancel();
    };
    return { child, kill };
  };
  let running = start();
  const admin = new Redis(port, "127.0.0.1", {
    password,
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
  });
  admin.on("error", () => {});
  await eventually(() => admin.ping());
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    admin,
    pause: () => running.child.kill("SIGSTOP"),
    resume: () => running.child.kill("SIGCONT"),
    kill: () => running.kill(),
    async restart() {
      await running.kill();
      running = start();
      await eventually(() => admin.ping());
    },
    async [Symbol.asyncDispose]() {
      admin.disconnect();
      await running.kill();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
