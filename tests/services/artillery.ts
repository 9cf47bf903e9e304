/** Artillery, fetched by Bun's package client: too large (450 MB) to be a dependency, whose install would fetch a browser, too. */
import { join } from "node:path";
import { cachedFolder } from "./download.ts";
import { Missing } from "./missing.ts";
import { runCommand } from "./run-command.ts";

const version = "2.0.33";

/**
 * The script that is its command, for Bun to run: it wants a newer Node than may be here, and works on Bun 1.4.4.
 *
 * @throws Missing where it cannot be fetched
 */
export async function artilleryPath(): Promise<string> {
  const folder = await cachedFolder(`artillery-${version}`, fetchInto);
  return join(folder, "node_modules/artillery/bin/run");
}

async function fetchInto(folder: string): Promise<void> {
  await Bun.write(join(folder, "package.json"), JSON.stringify({ private: true }));
  // None of its install scripts: they fetch the browser.
  const add = [process.execPath, "add", "--exact", "--ignore-scripts", `artillery@${version}`];
  const outcome = await runCommand(add, { cwd: folder });
  if (!outcome.ok)
    throw new Missing(`Artillery was not fetched: ${outcome.why}`, "see that Bun reaches its registry");
}
