/** The commands as an operator meets them: processes with arguments, an environment, output and an exit code. */
import { expect } from "bun:test";
import { join } from "node:path";
import { fromSource, type Service } from "./process.ts";

const root = join(import.meta.dir, "..");
const timeoutMs = 25_000;

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end. It sees PATH and HOME of this process's environment, and what it is given. */
export async function carillon(
  args: string[],
  { cwd = root, env = {} }: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Ran> {
  const { PATH = "", HOME = "" } = process.env;
  const child = Bun.spawn([...fromSource, ...args], {
    cwd,
    env: { PATH, HOME, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const [code, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  return { code, stdout, stderr };
}

/** A failure in words: to stderr alone, and without a stack. */
export function expectWords({ stdout, stderr }: Ran): void {
  expect(stdout).toBe("");
  expect(stderr).not.toMatch(/^\s+at /m);
}

export const uuid = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/** What a list of notifications answers to a key. */
export const statusOf = async ({ url }: Service, key: string) =>
  (await fetch(`${url}/v1/notifications`, { headers: { authorization: `Bearer ${key}` } })).status;
