/** schemathesis (PyPI) reads the description and tries to find an answer outside of it, by all of its checks. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { operationsOf } from "../../src/http/server.ts";
import { fromSource, startService } from "../process.ts";
import { tempFolder } from "../temp-folder.ts";

const root = join(import.meta.dir, "../..");
const folder = join(import.meta.dir, "schemathesis");
const requirements = join(folder, "requirements.txt");

/** How long it looks for something wrong, and how long all of it may take, the first installation included. */
const searchSeconds = 60;
const timeoutMs = 10 * 60_000;

/** Calls that need something to be there first, which it may find in time or not. */
const needsLuck = /\/(notifications|deliveries|keys|inbox)\/\{/;

const missing = "schemathesis needs python3 with pip, which is not here";
const python = pythonWithPip();
if (python === null && !process.env.CI) console.warn(`skipped: ${missing}`);

test.skipIf(python === null && !process.env.CI)(
  "schemathesis finds no answer outside of the description",
  async () => {
    if (python === null) throw new Error(missing);
    const pythonPath = await installed(python);
    await using data = tempFolder();
    await using service = startService({
      command: [...fromSource, "dev"],
      env: { LOG_LEVEL: "error" },
      cwd: data.path,
    });
    await service.ready;

    const { code, output } = await run(
      [python, "-m", "schemathesis.cli", "--no-color", "run", `${service.url}/openapi.json`]
        .concat(["--header", `Authorization: Bearer ${service.adminKey}`, "--checks", "all", "--seed", "1"])
        .concat(["--max-time", `${searchSeconds}`, "--max-examples", "30", "--generation-database", "none"]),
      {
        cwd: data.path,
        PYTHONPATH: `${pythonPath}:${folder}`,
        PYTHONDONTWRITEBYTECODE: "1",
        SCHEMATHESIS_HOOKS: "hooks",
        OWN_KEY_ID: await ownKeyId(service),
      },
    );
    if (code !== 0) console.log(output);
    expect(code).toBe(0);
    expect(service.stderr()).toBe("");
    // It found nothing, but not because it was let into nothing.
    const paths = operationsOf({ dev: true }).map(({ path }) => path);
    const succeeded = await routesThatSucceeded(service.url);
    expect(paths.filter((path) => !needsLuck.test(path) && !succeeded.includes(path))).toEqual([]);
  },
  timeoutMs,
);

function pythonWithPip(): string | null {
  const found = Bun.which("python3");
  if (found === null) return null;
  return Bun.spawnSync([found, "-m", "pip", "--version"]).exitCode === 0 ? found : null;
}

/** Where its modules lie; installed once for each list of requirements. */
async function installed(python: string): Promise<string> {
  const list = await Bun.file(requirements).text();
  const target = join(root, ".cache", `schemathesis-${Bun.hash(list).toString(36)}`);
  const complete = join(target, "complete");
  if (!existsSync(complete)) {
    // Into a folder rather than a virtual environment, which Debian's python3 cannot make by itself.
    const pip = [
      python,
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "--target",
      target,
    ];
    const { code, output } = await run([...pip, "--upgrade", "--requirement", requirements], {});
    if (code !== 0) throw new Error(`schemathesis could not be installed: ${output}`);
    await Bun.write(complete, "");
  }
  return target;
}

async function run(
  command: string[],
  { cwd = root, ...env }: Record<string, string>,
): Promise<{ code: number; output: string }> {
  const child = Bun.spawn(command, {
    cwd,
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: timeoutMs,
  });
  const [code, ...output] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  return { code, output: output.join("") };
}

async function ownKeyId({ url, adminKey }: { url: string; adminKey: string }): Promise<string> {
  const response = await fetch(`${url}/v1/keys`, { headers: { authorization: `Bearer ${adminKey}` } });
  const { data } = (await response.json()) as { data: [{ id: string }] };
  return data[0].id;
}

/** By the service's own metrics. */
async function routesThatSucceeded(url: string): Promise<string[]> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const counts = metrics.matchAll(
    /^carillon_http_request_seconds_count\{.*route="([^"]+)",status="2\d\d"\}/gm,
  );
  return [...new Set([...counts].map(([, route = ""]) => route))];
}
