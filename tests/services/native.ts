/** The shared servers as processes of this machine. Each leaves a record of its process and its ports. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { kafka } from "./kafka.ts";
import { end, launch } from "./launch.ts";
import { Missing } from "./missing.ts";
import { mongodb } from "./mongodb.ts";
import { freePorts, isFree } from "./ports.ts";
import { postgres } from "./postgres.ts";
import { isAlive, type ProcessIdentity } from "./process-tree.ts";
import { answer, protocols } from "./protocols.ts";
import { clientPort, type Place, type Recipe, type ServerName } from "./recipe.ts";
import { redis } from "./redis.ts";
import type { Server } from "./services.ts";

const recipes: Record<ServerName, () => Promise<Recipe>> = { postgres, redis, kafka, mongodb };

/**
 * How it is run here, its program fetched where that is needed.
 *
 * @param elsewhere how to have it where it cannot run natively
 * @throws Missing
 */
export async function recipeOf(name: ServerName, elsewhere: string): Promise<Recipe> {
  if (process.platform !== "linux") throw new Missing(`${name} runs natively on Linux alone`, elsewhere);
  return recipes[name]();
}

/** What `.services/<name>.json` holds. After its end the ports stay, so that its address is the same next time. */
interface ServerRecord {
  ports: number[];
  process?: ProcessIdentity & Pick<Recipe, "version"> & { discard: NodeJS.Signals };
}

/**
 * Starts it on an empty folder, unless it runs already. It outlives this process.
 *
 * @param folder of all services of the checkout
 * @throws Missing where it cannot be had, Error where it does not start or does not answer
 */
export async function upNative(name: ServerName, folder: string): Promise<Server> {
  const recipe = await recipeOf(name, "start Docker");
  const record = await readRecord(name, folder);
  const running = record?.process && isAlive(record.process);
  const ports = running || record?.ports.every(isFree) ? record.ports : freePorts(recipe.portCount);
  const place = placeOf(name, folder, ports);
  if (running) await answer(name, urlOf(name, place));
  else await start(recipe, place, folder);
  return {
    url: urlOf(name, place),
    version: recipe.version,
    started: !running,
  };
}

async function start(recipe: Recipe, place: Place, folder: string): Promise<void> {
  await rm(place.folder, { recursive: true, force: true });
  await rm(place.log, { force: true });
  const { identity, ready } = await launch(recipe, place, { detached: true });
  // Before it is ready: `down` must find what never gets there.
  const process = { ...identity, version: recipe.version, discard: recipe.signals.discard };
  await writeRecord(recipe.name, folder, { ports: place.ports, process });
  await ready;
}

export async function runsNatively(name: ServerName, folder: string): Promise<boolean> {
  const record = await readRecord(name, folder);
  return record?.process !== undefined && isAlive(record.process);
}

/** Ends it, if it runs, and removes its data; its log stays. */
export async function downNative(name: ServerName, folder: string): Promise<void> {
  const record = await readRecord(name, folder);
  if (!record) return;
  if (record.process) await end(record.process, record.process.discard);
  await rm(placeOf(name, folder, record.ports).folder, { recursive: true, force: true });
  await writeRecord(name, folder, { ports: record.ports });
}

/** In a line, for people. */
export async function statusNative(name: ServerName, folder: string): Promise<string> {
  const record = await readRecord(name, folder);
  if (!record?.process || !isAlive(record.process)) return "not running";
  const place = placeOf(name, folder, record.ports);
  const url = urlOf(name, place);
  const state = await answer(name, url).then(
    () => "answers",
    (error) => `does not answer: ${error.message}`,
  );
  const { pid, version } = record.process;
  return `${url}  ${version}, pid ${pid}, ${state}; logs to ${place.log}`;
}

function placeOf(name: ServerName, folder: string, ports: number[]): Place {
  return { folder: join(folder, name), ports, log: join(folder, `${name}.log`) };
}

function urlOf(name: ServerName, place: Place): string {
  return protocols[name].url(clientPort(place));
}

function recordFile(name: ServerName, folder: string): Bun.BunFile {
  return Bun.file(join(folder, `${name}.json`));
}

async function readRecord(name: ServerName, folder: string): Promise<ServerRecord | null> {
  const file = recordFile(name, folder);
  return (await file.exists()) ? await file.json() : null;
}

async function writeRecord(name: ServerName, folder: string, record: ServerRecord): Promise<void> {
  await recordFile(name, folder).write(JSON.stringify(record));
}
