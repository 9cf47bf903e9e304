/** The shared servers in containers, by Docker Compose, where an engine answers. */
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { freePorts } from "./ports.ts";
import { answer, protocols } from "./protocols.ts";
import { type ServerName, serverNames } from "./recipe.ts";
import { runCommand } from "./run-command.ts";
import type { Server } from "./services.ts";

const engineTimeoutMs = 5_000;
const startTimeoutMs = 120_000;

export async function dockerAnswers(): Promise<boolean> {
  const timeoutMs = engineTimeoutMs;
  const engine = await runCommand(["docker", "info"], { timeoutMs });
  return engine.ok && (await runCommand(["docker", "compose", "version"], { timeoutMs })).ok;
}

/**
 * Starts those that do not run yet, and waits until all answer.
 *
 * @param folder of all services of the checkout
 * @throws Error with Compose's words
 */
export async function upDocker(folder: string): Promise<Record<ServerName, Server>> {
  const running = (await compose(folder, "ps", "--services", "--status", "running")).split("\n");
  const ports = await portsOf(folder);
  await compose(folder, "up", "--detach", "--quiet-pull");

  const servers = serverNames.map(async (name): Promise<[ServerName, Server]> => {
    const url = protocols[name].url(ports[name]);
    await eventually(() => answer(name, url), { timeoutMs: startTimeoutMs, intervalMs: 200 });
    return [name, { url, version: await imageOf(name), started: !running.includes(name) }];
  });
  return Object.fromEntries(await Promise.all(servers)) as Record<ServerName, Server>;
}

/** Removes the containers of these services with what they hold. */
export async function downDocker(names: readonly ServerName[], folder: string): Promise<void> {
  const all = serverNames.every((name) => names.includes(name));
  const command = all ? ["down"] : ["rm", "--stop", "--force", ...names]; // Only `down` removes their network.
  await compose(folder, ...command, "--volumes");
}

/** Compose's own table. */
export function statusDocker(folder: string): Promise<string> {
  return compose(folder, "ps");
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

/** Chosen once: Kafka's clients must be told the port that the engine gives it. */
async function portsOf(folder: string): Promise<Record<ServerName, number>> {
  const file = Bun.file(join(folder, "docker-ports.json"));
  if (await file.exists()) return await file.json();
  const free = freePorts(serverNames.length);
  const ports = Object.fromEntries(serverNames.map((name, index) => [name, free[index]]));
  await file.write(JSON.stringify(ports));
  return ports as Record<ServerName, number>;
}

async function imageOf(name: ServerName): Promise<string> {
  const text = await Bun.file(join(import.meta.dir, "compose.yaml")).text();
  const { services } = Bun.YAML.parse(text) as { services: Record<ServerName, { image: string }> };
  return `${services[name].image} in Docker`;
}
