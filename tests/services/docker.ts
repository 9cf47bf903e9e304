/** The shared servers in containers, by Docker Compose, where an engine answers that has their images or gets them. */
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { Missing } from "./missing.ts";
import { oneByOne } from "./one-by-one.ts";
import { freePorts, isFree } from "./ports.ts";
import { answer, protocols } from "./protocols.ts";
import { type ServerName, serverNames } from "./recipe.ts";
import { lastLines, runCommand } from "./run-command.ts";
import type { Server } from "./services.ts";

const engineTimeoutMs = 5_000;
const startTimeoutMs = 120_000;
const logLinesMax = 15;
const silence = "Docker does not answer, and containers of these services may be left in it";

/** Two commands that make the project's network at once make two of it. */
const queue = oneByOne();

export async function dockerAnswers(): Promise<boolean> {
  const timeoutMs = engineTimeoutMs;
  const engine = await runCommand(["docker", "info"], { timeoutMs });
  return engine.ok && (await runCommand(["docker", "compose", "version"], { timeoutMs })).ok;
}

/**
 * Starts it without any data, unless it runs already, and waits until it answers.
 *
 * @param folder of all services of the checkout
 * @throws Missing where its image is not here and cannot be pulled; Error with Compose's words or the end of its log
 */
export async function upDocker(name: ServerName, folder: string): Promise<Server> {
  const image = await imageOf(name);
  const running = await queue(() => runs(name, folder));
  if (!running) {
    await pull(image);
    await queue(() => start(name, folder));
  }
  const url = protocols[name].url((await portsOf(folder))[name]);
  await ready(name, url, folder);
  return { url, version: `${image} in Docker`, started: !running };
}

/**
 * Removes the containers of these services with what they hold.
 *
 * @throws Error where containers may be left, since the engine that they were started in does not answer
 */
export async function downDocker(names: readonly ServerName[], folder: string): Promise<void> {
  if (names.length === 0 || !(await isUsed(folder))) return; // Without a name Compose removes all.
  if (!(await dockerAnswers())) throw new Error(`${silence}: run this again once it does`);
  if (serverNames.every((name) => names.includes(name))) {
    await compose(folder, "down", "--volumes"); // Removes their network, too.
    await portsFile(folder).delete();
  } else {
    await compose(folder, "rm", "--stop", "--force", "--volumes", ...names);
  }
}

/** Compose's own table, of those that ended, too; nothing where none was started in Docker. */
export async function statusDocker(folder: string): Promise<string[]> {
  if (!(await isUsed(folder))) return [];
  return [(await dockerAnswers()) ? (await compose(folder, "ps", "--all")).trimEnd() : silence];
}

async function pull(image: string): Promise<void> {
  if ((await runCommand(["docker", "image", "inspect", image])).ok) return;
  const outcome = await runCommand(["docker", "pull", "--quiet", image]);
  if (!outcome.ok) throw new Missing(outcome.why, `see that docker pull ${image} works`);
}

async function start(name: ServerName, folder: string): Promise<void> {
  await compose(folder, "rm", "--force", "--volumes", name); // One that ended would go on with its data.
  const ports = await portsOf(folder);
  if (!isFree(ports[name])) {
    const [port = 0] = freePorts(1);
    await portsFile(folder).write(JSON.stringify({ ...ports, [name]: port }));
  }
  await compose(folder, "up", "--detach", name);
}

/** Resolves once it answers; rejects with the end of its log if its container ends or it has not within 120 s. */
async function ready(name: ServerName, url: string, folder: string): Promise<void> {
  const settled = async () => {
    const answered = await answer(name, url).catch((error: Error) => error);
    if (answered === true) return "answers";
    if (await runs(name, folder)) throw answered;
    return "ended";
  };
  try {
    const state = await eventually(settled, { timeoutMs: startTimeoutMs, intervalMs: 200 });
    if (state === "ended") throw new Error("its container ended");
  } catch (error) {
    const log = await compose(folder, "logs", "--no-log-prefix", "--tail", String(logLinesMax), name);
    throw new Error(`${name} did not start: ${error}\n${lastLines(log, logLinesMax)}`, { cause: error });
  }
}

async function runs(name: ServerName, folder: string): Promise<boolean> {
  if (!(await isUsed(folder))) return false;
  return (await compose(folder, "ps", "--services", "--status", "running")).split("\n").includes(name);
}

async function compose(folder: string, ...command: string[]): Promise<string> {
  const ports = Object.entries(await portsOf(folder));
  const env = Object.fromEntries(ports.map(([name, port]) => [`${name.toUpperCase()}_PORT`, String(port)]));
  const project = `carillon-${Bun.hash(folder).toString(36)}`; // Another checkout has its own.
  const file = join(import.meta.dir, "compose.yaml");
  const outcome = await runCommand(["docker", "compose", "-p", project, "-f", file, ...command], { env });
  if (!outcome.ok) throw new Error(outcome.why);
  return outcome.stdout;
}

/** Chosen before the start, since Kafka tells its clients; they stay until all are down, unless somebody takes one. */
async function portsOf(folder: string): Promise<Record<ServerName, number>> {
  const file = portsFile(folder);
  if (await file.exists()) return await file.json();
  const free = freePorts(serverNames.length);
  const ports = Object.fromEntries(serverNames.map((name, index) => [name, free[index]]));
  await file.write(JSON.stringify(ports));
  return ports as Record<ServerName, number>;
}

/** There as long as there may be containers. */
function portsFile(folder: string): Bun.BunFile {
  return Bun.file(join(folder, "docker-ports.json"));
}

function isUsed(folder: string): Promise<boolean> {
  return portsFile(folder).exists();
}

async function imageOf(name: ServerName): Promise<string> {
  const text = await Bun.file(join(import.meta.dir, "compose.yaml")).text();
  const { services } = Bun.YAML.parse(text) as { services: Record<ServerName, { image: string }> };
  return services[name].image;
}
