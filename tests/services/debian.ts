/** Programs that Debian has: found where they stand, else installed by apt where that is allowed. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { Missing } from "./missing.ts";
import { oneByOne } from "./one-by-one.ts";
import { runCommand } from "./run-command.ts";

/** Where Debian puts daemons; not on everybody's PATH. */
const daemonFolders = ["/usr/sbin", "/usr/local/sbin", "/sbin"];
const aptTimeoutSeconds = 600;

/**
 * The path of a program, after an installation if need be.
 *
 * @param debianPackage the package that has it
 * @throws Missing
 */
export async function programPath(name: string, debianPackage: string): Promise<string> {
  const path = which(name);
  if (path) return path;
  await aptInstall(debianPackage);
  const installed = which(name);
  if (!installed) throw new Missing(`${debianPackage} has no ${name}`, `put ${name} on the PATH`);
  return installed;
}

function which(name: string): string | null {
  return Bun.which(name, { PATH: [process.env.PATH ?? "", ...daemonFolders].join(":") });
}

/** apt has one lock. */
const queue = oneByOne();
let lists: Promise<void> | undefined;

/**
 * Installs one of Debian's packages without starting what it has.
 *
 * @throws Missing where there is no apt, no root or no such package
 */
export function aptInstall(debianPackage: string): Promise<void> {
  return queue(() => install(debianPackage));
}

async function install(debianPackage: string): Promise<void> {
  const how = `run as root: apt-get install ${debianPackage}`;
  if (!Bun.which("apt-get"))
    throw new Missing(`${debianPackage} is not here, and neither is apt`, "install it");
  if (process.getuid?.() !== 0)
    throw new Missing(`${debianPackage} is not here, and only root may install it`, how);
  using _ = withoutStarting();
  lists ??= apt("update", "-q").then((why) => void why); // An old list may do: the installation decides.
  await lists;
  const why = await apt("install", "-y", "-q", "--no-install-recommends", debianPackage);
  if (why) throw new Missing(`${debianPackage} could not be installed: ${why}`, how);
}

/** Null, or why it failed. */
async function apt(...command: string[]): Promise<string | null> {
  const outcome = await runCommand(
    ["apt-get", ...command, "-o", `DPkg::Lock::Timeout=${aptTimeoutSeconds}`],
    { env: { DEBIAN_FRONTEND: "noninteractive" }, timeoutMs: aptTimeoutSeconds * 1000 },
  );
  return outcome.ok ? null : outcome.why;
}

/** Debian starts the daemons that it installs, on their usual ports, unless this script says no (101). */
function withoutStarting(): Disposable {
  const policy = "/usr/sbin/policy-rc.d";
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  return { [Symbol.dispose]: () => ours && rmSync(policy) };
}
