/** Carillon as a process of its own, for what only a process can show: start, signals, crashes, the binary. */
import { join } from "node:path";
import { within } from "./eventually.ts";

/** The command line from the source: a command and its arguments follow. */
export const fromSource = [process.execPath, join(import.meta.dir, "../src/main.ts")];

const readyTimeoutMs = 20_000;
const stopTimeoutMs = 15_000;
/** A whole line, so that a port that arrives in two pieces is not read from the first. */
const readyLine = /listening on (http:\/\/127\.0\.0\.1:\d+)\b.*\n/;

export interface ServiceOptions {
  /** What to run; a relative path counts from `cwd`. By default `serve` from the source. */
  command?: string[];
  /** Added to PATH, HOME, PORT=0 and ADMIN_KEY: the child sees nothing else of this process's environment. */
  env?: Record<string, string>;
  /** Where it runs, and so where it keeps its data unless told otherwise. */
  cwd: string;
}

export interface Service extends AsyncDisposable {
  /** Without a slash at the end. Known once `ready`; asked for earlier, it throws. */
  readonly url: string;
  readonly adminKey: string;
  readonly pid: number;
  /** What it printed so far. */
  stdout(): string;
  stderr(): string;
  /** Its exit code once it ended and its output was read; 128 + the signal's number after a signal. */
  readonly exited: Promise<number>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves once it listens; rejects with its output if it ends before, or after 20 s. */
  readonly ready: Promise<void>;
}

/**
 * Starts the service on a free port and returns at once: await `ready`, then use `url`. Disposing of it
 * sends SIGTERM, and fails if the service has not stopped by itself 15 s later. It does not outlive this process.
 *
 * @throws Error with code ENOENT where the command does not exist.
 */
export function startService({ command = [...fromSource, "serve"], env = {}, cwd }: ServiceOptions): Service {
  const adminKey = env.ADMIN_KEY ?? newAdminKey();
  const { PATH = "", HOME = "" } = process.env;
  const child = Bun.spawn(command, {
    cwd,
    env: { PATH, HOME, PORT: "0", ...env, ADMIN_KEY: adminKey },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const killing = onceGone("kill", "-KILL", String(child.pid));

  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const transcript = () => `\nstdout:\n${stdout.text()}\nstderr:\n${stderr.text()}`;

  const exited = child.exited.then(async (code) => {
    killing.cancel();
    await Promise.all([stdout.ended, stderr.ended]);
    return code;
  });
  const endedEarly = exited.then((code): never => {
    throw new Error(`the service ended with ${code} before it was ready${transcript()}`);
  });
  const listening = Promise.race([stdout.line(readyLine), endedEarly]);
  const ready = within(
    readyTimeoutMs,
    listening,
    () => `the service was not ready within ${readyTimeoutMs} ms${transcript()}`,
  ).then(() => {});
  // A test of a failing start awaits `exited` alone; nobody's rejection would fail it.
  ready.catch(() => {});

  return {
    get url() {
      const [, url] = readyLine.exec(stdout.text()) ?? [];
      if (!url) throw new Error(`the service is not ready: await ready first${transcript()}`);
      return url;
    },
    adminKey,
    pid: child.pid,
    stdout: stdout.text,
    stderr: stderr.text,
    exited,
    kill: (signal) => child.kill(signal),
    ready,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      try {
        const late = () => `the service did not stop within ${stopTimeoutMs} ms of SIGTERM${transcript()}`;
        await within(stopTimeoutMs, exited, late);
      } finally {
        child.kill("SIGKILL");
      }
    },
  };
}

/** A key as an operator would make it: 43 random characters. */
export function newAdminKey(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Kept here, since a collected subprocess closes the pipe that its waiting hangs on. */
const waiting = new Set<Bun.Subprocess>();

/**
 * Runs a command of the shell once this process is gone, however it ended. `bun test` fires no exit event
 * and SIGKILL fires none at all, so a shell waits for the end of a pipe that only this process holds.
 */
export function onceGone(...command: string[]): { cancel(): void } {
  const script = `trap "" HUP INT TERM; read -r _; "$@"`;
  const shell = Bun.spawn(["sh", "-c", script, "sh", ...command], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
  });
  shell.unref();
  waiting.add(shell);
  return {
    cancel() {
      shell.kill("SIGKILL");
      waiting.delete(shell);
    },
  };
}

/** Reads a stream to its end, and lets others see what came so far or wait for a line. */
function collect(stream: ReadableStream<Uint8Array>) {
  let text = "";
  let arrived = Promise.withResolvers<void>();
  const ended = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      text += decoder.decode(bytes, { stream: true });
      arrived.resolve();
      arrived = Promise.withResolvers();
    }
  })();
  return {
    text: () => text,
    ended,
    /** Resolves once the text matches; never, if the stream ends without. */
    async line(pattern: RegExp): Promise<void> {
      while (!pattern.test(text)) await arrived.promise;
    },
  };
}
