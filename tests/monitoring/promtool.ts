/** Prometheus's own judge of metrics, configurations and rules. */
import { dirname, join } from "node:path";

/** The server's program, Debian's: `promtool` stands beside it. */
export function prometheusProgram(): string {
  const program = process.env.TEST_PROMETHEUS || Bun.which("prometheus");
  if (!program) throw new Error("Prometheus is not installed: apt-get install prometheus, then try again.");
  return program;
}

export interface Verdict {
  ok: boolean;
  /** All that it printed. */
  words: string;
}

const timeoutMs = 20_000;

export async function promtool(
  args: string[],
  { stdin = "", cwd }: { stdin?: string; cwd?: string } = {},
): Promise<Verdict> {
  const child = Bun.spawn([join(dirname(prometheusProgram()), "promtool"), ...args], {
    ...(cwd === undefined ? {} : { cwd }),
    stdin: new Blob([stdin]),
    stdout: "pipe",
    stderr: "pipe",
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const [code, ...words] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  return { ok: code === 0, words: words.join("") };
}
