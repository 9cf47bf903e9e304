/** k6, built from its Go module where none is on the PATH. */
import { join } from "node:path";
import { programPath } from "./debian.ts";
import { cachedFolder } from "./download.ts";
import { Missing } from "./missing.ts";
import { runCommand } from "./run-command.ts";

const version = "v1.8.1";
/** Compilers at a time: tests run meanwhile. */
const compilersMax = 1;
/** From 1.21 on Go fetches the newer one that k6 asks for. */
const how = "put k6 on the PATH, or install Go 1.21 or later";

/**
 * Its path. The first build takes some 100 s.
 *
 * @throws Missing without Go, or where Go cannot fetch or build it
 */
export async function k6Path(): Promise<string> {
  const path = Bun.which("k6");
  if (path) return path;
  const folder = await cachedFolder(`k6-${version}`, build);
  return join(folder, "k6");
}

async function build(folder: string): Promise<void> {
  const go = await programPath("go", "golang-go").catch((error: Error) => {
    throw new Missing(`neither k6 nor Go is here: ${error.message}`, how);
  });
  const install = [go, "install", "-p", String(compilersMax), `go.k6.io/k6@${version}`];
  const outcome = await runCommand(["nice", ...install], { cwd: folder, env: { GOBIN: folder } });
  if (!outcome.ok) throw new Missing(`k6 was not built: ${outcome.why}`, how);
}
