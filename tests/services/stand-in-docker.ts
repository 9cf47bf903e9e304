/** A `docker` on this process's PATH that asks this process, which does with redis's container what an engine would. */
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import type { TCPSocketListener } from "bun";
import { tempFolder } from "../temp-folder.ts";

interface Container {
  /** What its server stored: a new container has none. */
  data: string;
  /** Null once it has ended. */
  server: TCPSocketListener | null;
}

/** Disposing of it ends its container and gives the PATH back. */
export interface StandInDocker extends AsyncDisposable {
  answers: boolean;
  /** Those that it has. There is no registry. */
  images: Set<string>;
  container: Container | null;
  /** What a container's program says before it ends; null where it serves. */
  lastWords: string | null;
}

const image = "redis:7";
const client = `
const answer = await fetch("http://engine/", {
  unix: process.env.STAND_IN_DOCKER,
  method: "POST",
  body: JSON.stringify({ command: process.argv.slice(2), port: Number(process.env.REDIS_PORT) }),
});
console[answer.ok ? "log" : "error"](await answer.text());
process.exit(answer.ok ? 0 : 1);
`;

export async function standInDocker(): Promise<StandInDocker> {
  const folder = tempFolder();
  const socket = join(folder.path, "engine.sock");
  const program = join(folder.path, "docker");
  await Bun.write(join(folder.path, "client.ts"), client);
  await Bun.write(program, `#!/bin/sh\nexec '${process.execPath}' '${folder.path}/client.ts' "$@"\n`);
  await chmod(program, 0o755);
  const { PATH } = process.env;
  Object.assign(process.env, { PATH: `${folder.path}:${PATH}`, STAND_IN_DOCKER: socket });

  const docker: StandInDocker = {
    answers: true,
    images: new Set([image]),
    container: null,
    lastWords: null,
    async [Symbol.asyncDispose]() {
      process.env.PATH = PATH;
      delete process.env.STAND_IN_DOCKER;
      docker.container?.server?.stop(true);
      await engine.stop(true);
      await folder[Symbol.asyncDispose]();
    },
  };
  const engine = Bun.serve({
    unix: socket,
    async fetch(request) {
      const { command, port } = (await request.json()) as { command: string[]; port: number };
      try {
        return new Response(run(docker, command, port));
      } catch (error) {
        return new Response(String(error), { status: 500 });
      }
    },
  });
  return docker;
}

/** @returns what it prints */
function run(docker: StandInDocker, [verb = "", ...words]: string[], port: number): string {
  if (!docker.answers) throw new Error("Cannot connect to the Docker daemon");
  if (verb === "pull") throw new Error(`no registry has ${words.at(-1)}`);
  if (verb === "image" && !docker.images.has(words.at(-1) ?? "")) throw new Error("No such image");
  return verb === "compose" ? compose(docker, words, port) : "";
}

function compose(docker: StandInDocker, words: string[], port: number): string {
  const [verb, ...options] = words[0] === "-p" ? words.slice(4) : words;
  const meant = options.includes("redis") || options.every((word) => word.startsWith("--"));
  const running = Boolean(docker.container?.server);
  if (verb === "up") up(docker, port);
  if (verb === "down" || (verb === "rm" && meant && (options.includes("--stop") || !running))) {
    docker.container?.server?.stop(true);
    docker.container = null;
  }
  if (verb === "logs") return docker.lastWords ?? "";
  if (verb === "ps" && docker.container && (running || options.includes("--all"))) return "redis";
  return "";
}

function up(docker: StandInDocker, port: number): void {
  docker.container ??= { data: "", server: null };
  if (docker.lastWords === null) docker.container.server ??= listen(port);
}

/** As much of Redis as answers the question whether it is there. */
function listen(port: number): TCPSocketListener {
  return Bun.listen({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(socket, bytes) {
        const text = bytes.toString();
        if (text.includes("HELLO")) socket.write("%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n");
        if (text.includes("PING")) socket.write("+PONG\r\n");
      },
    },
  });
}
