/** `bun run load` as its user meets it: arguments, an environment, output and an exit code. */
import { join } from "node:path";
import { tempFolder } from "../temp-folder.ts";

const main = join(import.meta.dir, "main.ts");
const timeoutMs = 60_000;

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
  /** The pages that it wrote, by name. */
  reports: Record<string, string>;
}

/** @param env besides this process's own */
export async function load(args: string[], env: Record<string, string> = {}): Promise<Ran> {
  await using folder = tempFolder();
  const child = Bun.spawn([process.execPath, main, ...args, "--out", folder.path], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const [code, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  const names = await Array.fromAsync(new Bun.Glob("*.html").scan(folder.path));
  const pages = names.map(async (name) => [name, await Bun.file(join(folder.path, name)).text()] as const);
  return { code, stdout, stderr, reports: Object.fromEntries(await Promise.all(pages)) };
}
