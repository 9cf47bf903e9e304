/** Starts and ends a server of any recipe, as a process. */
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { eventually } from "../eventually.ts";
import { identityOf, isAlive, type ProcessIdentity, send, signalTree } from "./process-tree.ts";
import { answer, protocols } from "./protocols.ts";
import { clientPort, type Place, type Recipe } from "./recipe.ts";
import { lastLines } from "./run-command.ts";

const startTimeoutMs = 60_000;
const stopTimeoutMs = 20_000;
const logLinesMax = 15;

export interface Launched {
  identity: ProcessIdentity;
  /** Resolves once it answers; rejects with the end of its log if it ends or has not within 60 s, and is dead then. */
  ready: Promise<void>;
  /** Resolves once its end was noticed here. Until then its pid is taken, and PostgreSQL would not start anew. */
  exited: Promise<unknown>;
}

/**
 * Starts it on what its folder holds, formatted first where there is none.
 *
 * @param detached whether it may outlive this process and its terminal
 * @throws Error where its folder cannot be formatted, or it ends at once
 */
export async function launch(
  recipe: Recipe,
  place: Place,
  { detached }: { detached: boolean },
): Promise<Launched> {
  if (!existsSync(place.folder)) {
    await mkdir(place.folder, { recursive: true });
    await recipe.format(place);
  }
  const log = openSync(place.log, "a");
  const child = Bun.spawn(recipe.command(place), {
    cwd: place.folder,
    detached,
    stdin: "ignore",
    stdout: log,
    stderr: log,
  });
  closeSync(log);
  if (detached) child.unref();
  const identity = identityOf(child.pid);
  if (!identity) throw new Error(`${recipe.name} ended at once\n${logEnd(place)}`);
  return { identity, ready: readiness(recipe, place, child), exited: child.exited };
}

async function readiness({ name }: Recipe, place: Place, child: Bun.Subprocess): Promise<void> {
  const url = protocols[name].url(clientPort(place));
  const code = () => child.exitCode ?? child.signalCode;
  try {
    const settled = async () => code() !== null || (await answer(name, url));
    await eventually(settled, { timeoutMs: startTimeoutMs, intervalMs: 50 });
    if (code() !== null) throw new Error(`it ended with ${code()}`);
  } catch (error) {
    signalTree(child.pid, "SIGKILL");
    throw new Error(`${name} did not start: ${error}\n${logEnd(place)}`, { cause: error });
  }
}

/** Signals it, paused or not, and waits until it is gone; after 20 s it is killed. */
export async function end(identity: ProcessIdentity, signal: NodeJS.Signals): Promise<void> {
  if (!isAlive(identity)) return;
  if (signal === "SIGKILL") return killAll(identity);
  signalTree(identity.pid, "SIGCONT");
  send(identity.pid, signal);
  await eventually(() => !isAlive(identity), { timeoutMs: stopTimeoutMs }).catch(() => killAll(identity));
}

/** PostgreSQL's backends would go on without their parent, and it does not start anew while one holds its memory. */
async function killAll({ pid }: ProcessIdentity): Promise<void> {
  const all = signalTree(pid, "SIGKILL");
  await eventually(() => !all.some(isAlive), { timeoutMs: stopTimeoutMs });
}

function logEnd({ log }: Place): string {
  return lastLines(readFileSync(log, "utf8"), logLinesMax);
}
