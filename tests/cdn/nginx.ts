/** nginx with deploy/cdn/nginx.conf in front of a service, for one test. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect } from "node:tls";
import { issueCertificates } from "../channels/certificates.ts";
import { eventually } from "../eventually.ts";
import { onceGone } from "../process.ts";
import { freePorts } from "../services/ports.ts";
import { tempFolder } from "../temp-folder.ts";

export interface Edge extends AsyncDisposable {
  fetch(path: string, options?: RequestInit): Promise<Response>;
  /** What comes back for a path that is sent as it is written, headers and all. */
  raw(path: string, headers?: Record<string, string>): Promise<string>;
  /** What it keeps, by its key: the coding and the path. */
  kept(): Map<string, { forSeconds: number; bytes: Buffer }>;
  /** What it speaks with a client that could do all of these. */
  protocol(offered: string[]): Promise<string>;
}

const config = join(import.meta.dir, "../../deploy/cdn/nginx.conf");

/**
 * Debian's (apt-get install nginx). Of the configuration, only where things are is another: the addresses, the
 * certificate and the cache's folder.
 */
export async function startNginx(serviceUrl: string): Promise<Edge> {
  const program = process.env.TEST_NGINX || Bun.which("nginx", { PATH: `${process.env.PATH}:/usr/sbin` });
  if (!program) throw new Error("nginx is not installed: apt-get install nginx, then try again.");
  const folder = tempFolder();
  const at = (name: string) => join(folder.path, name);
  const [port = 0] = freePorts(1);
  const { ca, issued } = await issueCertificates("localhost");
  await Bun.write(at("tls.crt"), issued.localhost.cert);
  await Bun.write(at("tls.key"), issued.localhost.key);
  const places: Record<string, string> = {
    "/var/cache/nginx-carillon": at("cache"),
    "127.0.0.1:3000": new URL(serviceUrl).host,
    "listen 443": `listen 127.0.0.1:${port}`,
    "/etc/carillon/tls.crt": at("tls.crt"),
    "/etc/carillon/tls.key": at("tls.key"),
  };
  const placed = Object.entries(places).reduce(
    (all, [there, here]) => {
      if (all.split(there).length !== 2) throw new Error(`${there} is not in ${config} once`);
      return all.replace(there, here);
    },
    await Bun.file(config).text(),
  );
  await Bun.write(at("carillon.conf"), placed);
  const bodies = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  await Bun.write(
    at("nginx.conf"),
    `daemon off;
${process.getuid?.() === 0 ? "user root;" : ""}
pid ${at("pid")};
events {}
http {
  access_log off;
  ${bodies.map((name) => `${name}_temp_path ${at(name)};`).join("\n  ")}
  include ${at("carillon.conf")};
}
`,
  );
  const child = Bun.spawn([program, "-e", at("error.log"), "-c", at("nginx.conf")], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  const killing = onceGone("kill", "-TERM", String(child.pid));
  const url = `https://localhost:${port}`;
  const edge: Edge = {
    fetch: (path, options) => fetch(url + path, { ...options, redirect: "manual", tls: { ca } }),
    async raw(path, headers = {}) {
      const socket = connect({ host: "127.0.0.1", port, ca, servername: "localhost" });
      const lines = Object.entries({ host: "localhost", connection: "close", ...headers });
      socket.write(
        `GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`,
      );
      return text(socket);
    },
    kept: () => keptIn(at("cache")),
    async protocol(offered) {
      const socket = connect({
        host: "127.0.0.1",
        port,
        ca,
        servername: "localhost",
        ALPNProtocols: offered,
      });
      const { promise: connected, resolve, reject } = Promise.withResolvers<void>();
      socket.once("secureConnect", resolve).once("error", reject);
      await connected.finally(() => socket.destroy());
      return String(socket.alpnProtocol);
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.exited;
      killing.cancel();
      await folder[Symbol.asyncDispose]();
    },
  };
  try {
    await eventually(async () => {
      if (child.exitCode !== null) return true;
      return (await edge.fetch("/healthz")).ok;
    });
    if (child.exitCode !== null) throw new Error(`nginx ended: ${await Bun.file(at("error.log")).text()}`);
  } catch (error) {
    await edge[Symbol.asyncDispose]();
    throw error;
  }
  return edge;
}

/** ngx_http_file_cache_header_t: a version, then until when it is fresh (time_t), …, then a line with the key. */
const freshUntilOffset = 8;

function keptIn(folder: string): ReturnType<Edge["kept"]> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  return new Map(
    files.map((file) => {
      const bytes = readFileSync(join(file.parentPath, file.name));
      const [, key = ""] = /\nKEY: ([^\n]*)\n/.exec(bytes.toString("latin1")) ?? [];
      const forSeconds = Number(bytes.readBigInt64LE(freshUntilOffset)) - Date.now() / 1000;
      return [key, { forSeconds, bytes }];
    }),
  );
}
