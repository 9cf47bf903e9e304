/** Servers that a fault test has for itself, to stop and kill: nobody else is on them. */
import { chmodSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { onceGone } from "../process.ts";
import { tempFolder } from "../temp-folder.ts";
import { clusterOf, kafka } from "./kafka.ts";
import type { Login } from "./kafka-login.ts";
import { end, launch } from "./launch.ts";
import { freePorts } from "./ports.ts";
import { postgres, standby } from "./postgres.ts";
import { type ProcessIdentity, signalTree } from "./process-tree.ts";
import { protocols } from "./protocols.ts";
import { clientPort, type Place, type Recipe } from "./recipe.ts";
import { redis } from "./redis.ts";

/** Disposing of it kills it and removes its data. It does not outlive this process. */
export interface OwnServer extends AsyncDisposable {
  /** The same after a restart. */
  readonly url: string;
  readonly port: number;
  /** All that it listens on; the first is `port`. */
  readonly ports: readonly number[];
  /** Its data and configuration; absolute. */
  readonly folder: string;
  /** Of its first process; another after a restart. */
  readonly pid: number;
  /** What it logged so far, over all its starts. */
  log(): Promise<string>;
  /** SIGSTOP to all its processes: connections stay and nothing answers. */
  pause(): void;
  resume(): void;
  /** SIGKILL to all its processes at once; resolves when they are gone. */
  kill(): Promise<void>;
  /** Ends it in order, its data kept; resolves when it is gone. */
  stop(): Promise<void>;
  /** On the same port and data, after a stop if it runs; resolves when it answers. */
  restart(): Promise<void>;
}

/**
 * @param settings as in its postgresql.conf
 * @throws Missing where PostgreSQL cannot be had
 */
export async function startPostgres(settings: Record<string, string> = {}): Promise<OwnServer> {
  return start(await postgres(settings));
}

/**
 * A hot standby: it may be read, and has what the primary committed a moment later.
 *
 * @throws Missing where PostgreSQL cannot be had
 */
export async function startStandby(primary: OwnServer): Promise<OwnServer> {
  return start(await standby(primary.url));
}

/**
 * @param settings as on Redis's command line: `["--appendonly", "yes"]` makes it keep its data
 * @throws Missing where Redis cannot be had
 */
export async function startRedis(settings: readonly string[] = []): Promise<OwnServer> {
  return start(await redis(settings));
}

/**
 * The controller lets a broker that was killed join again only when the session of its former life is over:
 * by default that makes a restart 13 s, so 4 s.
 */
const kafkaProperties = { "broker.session.timeout.ms": 3_000, "broker.heartbeat.interval.ms": 500 };

/**
 * @param properties as in Kafka's server.properties
 * @param login who may log in at its third port; without, it has none
 * @throws Missing where Kafka cannot be had
 */
export async function startKafka(
  properties: Record<string, string | number> = {},
  login?: Login,
): Promise<OwnServer> {
  return start(await kafka({ ...kafkaProperties, ...properties }, { login }));
}

/**
 * A second broker in the cluster of the first, which stays its controller.
 *
 * @param properties as in Kafka's server.properties
 * @throws Missing where Kafka cannot be had
 */
export async function startSecondBroker(
  first: OwnServer,
  properties: Record<string, string | number> = {},
): Promise<OwnServer> {
  const joins = { ...(await clusterOf(first)), nodeId: 2 };
  return start(await kafka({ ...kafkaProperties, ...properties }, { joins }));
}

async function start(recipe: Recipe): Promise<OwnServer> {
  const parent = tempFolder();
  chmodSync(parent.path, 0o755); // PostgreSQL runs as another user, who must get to its data.
  const ports = freePorts(recipe.portCount);
  const place = { folder: join(parent.path, recipe.name), ports, log: join(parent.path, "log") };
  const remove = () => parent[Symbol.asyncDispose]();

  let running: Running;
  try {
    running = await run(recipe, place);
  } catch (error) {
    await remove();
    throw error;
  }
  const { stop, discard } = recipe.signals;
  return {
    url: protocols[recipe.name].url(clientPort(place)),
    port: clientPort(place),
    ports,
    folder: place.folder,
    get pid() {
      return running.identity.pid;
    },
    log: () => readFile(place.log, "utf8"),
    pause: () => signalTree(running.identity.pid, "SIGSTOP"),
    resume: () => signalTree(running.identity.pid, "SIGCONT"),
    kill: () => running.end("SIGKILL"),
    stop: () => running.end(stop),
    async restart() {
      await running.end(stop);
      running = await run(recipe, place);
    },
    async [Symbol.asyncDispose]() {
      await running.end(discard);
      await remove();
    },
  };
}

interface Running {
  identity: ProcessIdentity;
  end(signal: NodeJS.Signals): Promise<void>;
}

/** A server that dies later than its folder is removed would write parts of it anew. */
const discardScript = `
  kill -s "$2" "$1"; kill -s CONT "$1"
  for _ in $(seq 100); do kill -0 "$1" || break; sleep 0.1; done
  rm -rf "$3"`;

async function run(recipe: Recipe, place: Place): Promise<Running> {
  const { identity, ready, exited } = await launch(recipe, place, { detached: false });
  const discard = recipe.signals.discard.replace("SIG", "");
  const script = ["sh", "-c", discardScript, "sh", String(identity.pid), discard, dirname(place.folder)];
  const ending = onceGone(...script);
  await ready.catch((error) => {
    ending.cancel();
    throw error;
  });
  return {
    identity,
    async end(signal) {
      await end(identity, signal);
      await exited;
      ending.cancel();
    },
  };
}
