/** What a command of the machine prints, or why it failed. */

export type CommandOutcome = { ok: true; stdout: string } | { ok: false; why: string };

interface CommandOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** Milliseconds until it is killed. */
  timeoutMs?: number;
}

const timeoutMsDefault = 10 * 60_000;
const whyLinesMax = 3;

/** Runs a command to its end, without stdin. One that does not exist, fails or takes too long is not ok. */
export async function runCommand(command: string[], options: CommandOptions = {}): Promise<CommandOutcome> {
  const { timeoutMs = timeoutMsDefault, cwd = process.cwd(), env } = options;
  const [program = ""] = command;
  if (!Bun.which(program)) return { ok: false, why: `${program} is not installed` };
  const child = Bun.spawn(command, {
    cwd,
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const [code, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  if (code === 0) return { ok: true, stdout };
  const last = lastLines(stderr || stdout, whyLinesMax);
  return { ok: false, why: `${command.slice(0, 3).join(" ")} … ended with ${code}: ${last}` };
}

export function lastLines(text: string, count: number): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}
