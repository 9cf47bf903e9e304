/** What is fetched once for all checkouts of a user. */
import { existsSync } from "node:fs";
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { Missing } from "./missing.ts";
import { oneByOne } from "./one-by-one.ts";
import { runCommand } from "./run-command.ts";

const javaVersionMin = 17;
/** Two Mavens at once may spoil each other's local repository. */
const queue = oneByOne();

/** Root's is open to others, since PostgreSQL does not run as root. */
const cache = join(
  process.env.XDG_CACHE_HOME || (process.getuid?.() === 0 ? "/var/cache" : join(homedir(), ".cache")),
  "carillon",
);

/**
 * A folder of the cache: `fill` is called where it is not there yet, on a folder beside it that becomes it
 * when it is whole. Two that fill it at once do not disturb each other.
 *
 * @param key its name; names what `fill` puts there, so that other contents have another
 * @returns its absolute path
 */
export async function cachedFolder(key: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const target = join(cache, key);
  if (existsSync(target)) return target;
  const half = `${target}.${process.pid}`;
  await mkdir(half, { recursive: true });
  try {
    await fill(half);
    await rename(half, target).catch((error) => {
      if (!existsSync(target)) throw error; // Else another was quicker: its folder is as good.
    });
  } finally {
    await rm(half, { recursive: true, force: true });
  }
  return target;
}

/**
 * The jars that a pom.xml depends on, and the classes of the `*.java` beside it.
 *
 * @param source the folder of the pom.xml
 * @returns a class path
 * @throws Missing without Java 17, its compiler or Maven, or where Maven cannot fetch
 */
export async function classPath(name: string, source: string): Promise<string> {
  await requireJava();
  const pom = await Bun.file(join(source, "pom.xml")).text();
  const sources = await Array.fromAsync(new Bun.Glob("*.java").scan({ cwd: source, absolute: true }));
  const texts = await Promise.all(sources.map((path) => Bun.file(path).text()));
  const key = `${name}-${Bun.hash([pom, ...texts].join()).toString(36)}`;

  const folder = await cachedFolder(key, async (half) => {
    await cp(join(source, "pom.xml"), join(half, "pom.xml")); // Maven writes beside it; not into the project.
    await maven(name, half);
    if (sources.length > 0) await compile(half, sources);
  });
  return [join(folder, "classes"), join(folder, "jars", "*")].join(":");
}

async function maven(name: string, folder: string): Promise<void> {
  const how = "install Maven (Debian: maven) and see that it reaches its repository";
  const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${join(folder, "jars")}`];
  const outcome = await queue(() => runCommand(["mvn", "-q", "-B", ...goal], { cwd: folder }));
  if (!outcome.ok) throw new Missing(`Maven did not fetch ${name}: ${outcome.why}`, how);
}

async function compile(folder: string, sources: string[]): Promise<void> {
  const jars = join(folder, "jars", "*");
  const outcome = await runCommand(["javac", "-cp", jars, "-d", join(folder, "classes"), ...sources]);
  if (!outcome.ok)
    throw new Missing(outcome.why, `install a JDK ${javaVersionMin} (Debian: openjdk-17-jdk-headless)`);
}

async function requireJava(): Promise<void> {
  const how = `install Java ${javaVersionMin} or later (Debian: openjdk-17-jdk-headless)`;
  const outcome = await runCommand(["java", "--version"]);
  if (!outcome.ok) throw new Missing(outcome.why, how);
  const [, version = "0"] = /^\S+ (\d+)/.exec(outcome.stdout) ?? [];
  if (Number(version) < javaVersionMin) throw new Missing(`Java here is ${version}`, how);
}
