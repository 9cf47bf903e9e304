/** The test services of this checkout: the real servers that its tests share, and the programs they use. */
import { Database } from "bun:sqlite";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { artilleryPath } from "./artillery.ts";
import { programPath } from "./debian.ts";
import { dockerAnswers, downDocker, statusDocker, upDocker } from "./docker.ts";
import { k6Path } from "./k6.ts";
import { Missing } from "./missing.ts";
import { downNative, recipeOf, runsNatively, statusNative, upNative } from "./native.ts";
import { protocols } from "./protocols.ts";
import { type ServerName, serverNames } from "./recipe.ts";

/** Debian names their packages as they are named. */
const debianNames = ["haproxy", "kcat", "nginx", "pgbouncer", "prometheus"] as const;
export const clientNames = [...debianNames, "artillery", "k6"] as const;
export type ClientName = (typeof clientNames)[number];

export interface Server {
  url: string;
  /** What runs, for people. */
  version: string;
  /** By this call: it did not run before. */
  started: boolean;
}

/** `missing` cannot be had here: why, and how to get it. `broken` is here and does not start, answer or end. */
export type Lacking = { missing: string } | { broken: string };

export type Services = Record<ServerName, Server | Lacking> & Record<ClientName, { path: string } | Lacking>;

/** Of the checkout, not tracked: data, logs, and the records of what runs. */
const folder = join(import.meta.dir, "../../.services");
const lockTimeoutMs = 10 * 60_000;

/** Brings up what does not run yet, all at once, and waits until each answers. What runs is left as it is. */
export async function servicesUp(): Promise<Services> {
  using _ = await lock();
  const [servers, clients] = await Promise.all([serversUp(), clientsUp()]);
  const services: Services = { ...servers, ...clients };
  await Bun.write(join(folder, "env"), environmentFile(services));
  return services;
}

/** Ends these servers and removes their data. */
export async function servicesDown(names: readonly ServerName[] = serverNames): Promise<void> {
  using _ = await lock();
  await Promise.all(names.map((name) => downNative(name, folder)));
  await downDocker(names, folder);
}

/** Of these, those that a test cannot start for itself: that one runs natively, whatever the shared one runs in. */
export async function ownLacking(names: readonly ServerName[]): Promise<Record<string, Lacking>> {
  const found = await all(names, (name) => recipeOf(name, "run these tests on Linux"));
  return Object.fromEntries(
    Object.entries(found).flatMap(([name, own]) => (isLacking(own) ? [[name, own]] : [])),
  );
}

/** What runs, where and since which process: lines for people. */
export async function servicesStatus(): Promise<string[]> {
  const docker = await statusDocker(folder);
  const native = serverNames.map(async (name) => {
    if (docker.length > 0 && !(await runsNatively(name, folder))) return [];
    return [`${name.padEnd(9)} ${await statusNative(name, folder)}`];
  });
  return [...docker, ...(await Promise.all(native)).flat()];
}

/** The servers that did not run before. */
export function startedIn(services: Services): ServerName[] {
  return serverNames.filter((name) => {
    const server = services[name];
    return !isLacking(server) && server.started;
  });
}

export function isLacking(service: object): service is Lacking {
  return "missing" in service || "broken" in service;
}

/** A sentence on it: `is missing: …`, `is broken: …`. */
export function reasonOf(service: Lacking): string {
  return "missing" in service ? `is missing: ${service.missing}` : `is broken: ${service.broken}`;
}

/** The TEST_* variables by which tests find what is here. */
export function environmentOf(services: Services): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const name of serverNames) {
    const server = services[name];
    if (!isLacking(server)) variables[protocols[name].variable] = server.url;
  }
  for (const name of clientNames) {
    const client = services[name];
    if (!isLacking(client)) variables[`TEST_${name.toUpperCase()}`] = client.path;
  }
  return variables;
}

async function serversUp(): Promise<Record<ServerName, Server | Lacking>> {
  const docker = await dockerAnswers();
  return all(serverNames, (name) => (docker ? upWithDocker(name) : upNative(name, folder)));
}

/** An engine may have come later than a server that runs already, or have no way to an image. */
async function upWithDocker(name: ServerName): Promise<Server> {
  if (await runsNatively(name, folder)) return upNative(name, folder);
  try {
    return await upDocker(name, folder);
  } catch (unpulled) {
    if (!(unpulled instanceof Missing)) throw unpulled;
    return upNative(name, folder).catch((error) => {
      if (!(error instanceof Missing)) throw error;
      throw new Missing(`${unpulled.why}, and ${error.why}`, unpulled.how);
    });
  }
}

function clientsUp(): Promise<Record<ClientName, { path: string } | Lacking>> {
  return all(clientNames, async (name) => ({ path: await pathOf(name) }));
}

function pathOf(name: ClientName): Promise<string> {
  if (name === "artillery") return artilleryPath();
  if (name === "k6") return k6Path();
  return programPath(name, name);
}

/** Each on its own, so that none keeps the others from coming up. */
async function all<Name extends string, T>(
  names: readonly Name[],
  up: (name: Name) => Promise<T>,
): Promise<Record<Name, T | Lacking>> {
  const entries = names.map(async (name) => [name, await up(name).catch(lackingOf)] as const);
  return Object.fromEntries(await Promise.all(entries)) as Record<Name, T | Lacking>;
}

function lackingOf(error: Error): Lacking {
  return error instanceof Missing ? { missing: error.message } : { broken: error.message };
}

/** For `bun --env-file=.services/env test …`, which reads it as a shell would. */
function environmentFile(services: Services): string {
  return Object.entries(environmentOf(services))
    .map(([name, value]) => `${name}='${value}'\n`)
    .join("");
}

/** One command at a time works on a checkout's services. SQLite's lock ends with its process, however that ends. */
async function lock(): Promise<Disposable> {
  await mkdir(folder, { recursive: true });
  const database = new Database(join(folder, "lock"));
  await eventually(() => database.run("begin exclusive"), { timeoutMs: lockTimeoutMs, intervalMs: 100 });
  return { [Symbol.dispose]: () => database.close() };
}
