/** PgBouncer in transaction mode in front of a server, for one test. */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onServer } from "../databases.ts";
import { eventually } from "../eventually.ts";
import { onceGone } from "../process.ts";
import { freePorts } from "../services/ports.ts";
import { tempFolder } from "../temp-folder.ts";

export interface PgBouncer extends AsyncDisposable {
  /** The database's URL by way of it. */
  url: string;
}

/**
 * Debian's (apt-get install pgbouncer), with three connections to the server at most.
 *
 * @param databaseUrl of a server that trusts its user
 */
export async function startPgBouncer(databaseUrl: string): Promise<PgBouncer> {
  const program = process.env.TEST_PGBOUNCER || Bun.which("pgbouncer");
  if (!program) throw new Error("PgBouncer is not installed: apt-get install pgbouncer, then try again.");
  const folder = tempFolder();
  chmodSync(folder.path, 0o755);
  const [port = 0] = freePorts(1);
  const server = new URL(databaseUrl);
  const users = join(folder.path, "users.txt");
  writeFileSync(users, `"${server.username}" ""\n`);
  const config = join(folder.path, "pgbouncer.ini");
  writeFileSync(
    config,
    `[databases]
* = host=${server.hostname} port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = transaction
default_pool_size = 3
`,
  );
  // As root it refuses to run, unless told as whom.
  const asUser = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
  const child = Bun.spawn([program, "-q", ...asUser, config], { stdio: ["ignore", "ignore", "ignore"] });
  const killing = onceGone("kill", "-KILL", String(child.pid));
  const url = new URL(databaseUrl);
  url.port = String(port);
  await eventually(() => onServer(url.href, (sql) => sql.unsafe("select 1")).then(() => true));
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      killing.cancel();
      await folder[Symbol.asyncDispose]();
    },
  };
}
