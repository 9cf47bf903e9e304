/** Processes that may be nobody's children any more, as /proc shows them: Linux only. */
import { readdirSync, readFileSync } from "node:fs";

/** One process for good: its pid may come again, but not with the same start. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks between the machine's start and its own. */
  startedTicks: number;
}

/** Null for a process that is gone, or ended and only waits for its parent to notice. */
export function identityOf(pid: number): ProcessIdentity | null {
  const stat = statOf(pid);
  return stat && stat.state !== "Z" ? { pid, startedTicks: stat.startedTicks } : null;
}

export function isAlive({ pid, startedTicks }: ProcessIdentity): boolean {
  return identityOf(pid)?.startedTicks === startedTicks;
}

/**
 * Signals a process and all its descendants; those that are gone by now are passed over.
 *
 * @returns whom it signalled
 */
export function signalTree(pid: number, signal: NodeJS.Signals): ProcessIdentity[] {
  const tree = stopTree(pid).flatMap((each) => identityOf(each) ?? []);
  for (const each of tree) send(each.pid, signal);
  return tree;
}

/** Elder first: what is stopped has no more children, and keeps those that it has. */
function stopTree(pid: number): number[] {
  send(pid, "SIGSTOP");
  return [pid, ...childrenOf(pid).flatMap(stopTree)];
}

/** To one process alone; one that is gone by now is passed over. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((other) => statOf(other)?.parent === pid);
}

/** proc_pid_stat(5): pid (name) state ppid … starttime, the 22nd. The name may hold spaces and brackets. */
function statOf(pid: number): { state: string; parent: number; startedTicks: number } | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return null;
  }
  const [state = "", parent, ...more] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state, parent: Number(parent), startedTicks: Number(more[17]) };
}
