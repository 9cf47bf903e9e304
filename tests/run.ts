/**
 * The one command that checks everything: `bun run test`. With arguments (`bun run test tests/channels`) it
 * runs only the tests that they select. The real servers that tests run on are brought up first, and down again
 * unless they ran already; files that need one that cannot be had are skipped, which fails where CI is set. Its
 * last line on stdout is `N passed, N failed`.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Need, needsOf, unableOf } from "./needs.ts";
import { onceGone } from "./process.ts";
import { type ServerName, serverNames } from "./services/recipe.ts";
import {
  environmentOf,
  isLacking,
  ownLacking,
  reasonOf,
  servicesDown,
  servicesUp,
  startedIn,
} from "./services/services.ts";
import { tempFolder } from "./temp-folder.ts";
import { conclude, judge, sum, type Tally } from "./verdict.ts";

interface Check {
  name: string;
  command: string[];
}

const root = join(import.meta.dir, "..");
const binary = join(root, "dist/carillon");
const checkTimeoutMs = 10 * 60_000;
const testsTimeoutMs = 60 * 60_000;
/** Of one test that names none. Bun 1.4.4 takes it from here alone: in bunfig.toml it is ignored. */
const testTimeoutMs = 30_000;

/** Bun runs the tools' launchers itself, and its own shell knows where bun is: neither need be on the PATH. */
const bun = process.execPath;
const checks: Check[] = [
  { name: "format and lint", command: [bun, "node_modules/@biomejs/biome/bin/biome", "check", "."] },
  { name: "types", command: [bun, "node_modules/typescript/bin/tsc", "--noEmit"] },
  { name: "build", command: [bun, "run", "--shell=bun", "build"] },
];

async function main(selection: string[]): Promise<void> {
  const tallies: Tally[] = [];
  const files = await filesOf(selection);
  const bringingUp = bringUp(files); // While the checks run: most of it is waiting.
  if (selection.length === 0) {
    await rm(binary, { force: true }); // The tests of the binary must not pass on an older one.
    for (const check of checks) tallies.push(await runCheck(check));
  }
  await using services = await bringingUp;
  tallies.push(services.tally, await runTests(selection, files, services));

  const { lines, exitCode } = conclude(tallies, { ci: Boolean(process.env.CI) });
  for (const line of lines) console.log(line);
  process.exitCode = exitCode;
}

async function runCheck({ name, command }: Check): Promise<Tally> {
  const child = Bun.spawn(command, {
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: checkTimeoutMs,
    killSignal: "SIGKILL",
  });
  const started = performance.now();
  const [code, ...output] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);

  report(name, code === 0, started);
  if (code === 0) return { passed: 1, failed: 0, skipped: 0 };
  console.log(output.join(""));
  return { passed: 0, failed: 1, skipped: 0 };
}

/** What is here of the real servers, and where. Disposing of it ends those that were started for this run. */
interface BroughtUp extends AsyncDisposable {
  tally: Tally;
  environment: Record<string, string>;
  /** What is not, and why. */
  lacking: ReadonlyMap<Need, string>;
}

async function bringUp(files: string[]): Promise<BroughtUp> {
  const started = performance.now();
  const services = await servicesUp();
  const lacking = Object.entries(services).filter(([, service]) => isLacking(service));
  const failed = lacking.filter(([, service]) => "broken" in service).length;
  report("services", failed === 0, started);
  for (const [name, service] of lacking)
    if (isLacking(service)) console.log(`  ${name} ${reasonOf(service)}`);

  const names = startedIn(services);
  const command = [bun, join(root, "tests/services/main.ts"), "down", ...names];
  const ending = names.length > 0 ? onceGone(...command) : null; // Without a name it would end all.
  return {
    tally: { passed: failed === 0 ? 1 : 0, failed, skipped: lacking.length - failed },
    environment: environmentOf(services),
    lacking: new Map([...reasonsOf(services), ...reasonsOf(await ownLacking(await ownNames(files)), "own ")]),
    async [Symbol.asyncDispose]() {
      await servicesDown(names);
      ending?.cancel();
    },
  };
}

/** The servers that these files have for themselves. They run natively, whatever the shared ones run in. */
async function ownNames(files: string[]): Promise<ServerName[]> {
  const needs = await Promise.all(files.map(needsOf));
  return serverNames.filter((name) => needs.some((needed) => needed.has(`own ${name}`)));
}

function reasonsOf(services: Record<string, object>, whose: "" | "own " = ""): [Need, string][] {
  return Object.entries(services).flatMap(([name, service]): [Need, string][] =>
    isLacking(service) ? [[`${whose}${name}` as Need, `${whose}${name} ${reasonOf(service)}`]] : [],
  );
}

async function runTests(
  selection: string[],
  files: string[],
  { environment, lacking }: BroughtUp,
): Promise<Tally> {
  const started = performance.now();
  const unable = await unableOf(files, lacking);
  for (const { file, why } of unable) console.log(`skip ${file}: ${why}`);
  const skipped: Tally = { passed: 0, failed: 0, skipped: unable.length };
  if (files.length > 0 && unable.length === files.length) return skipped;

  await using folder = tempFolder();
  const outfile = join(folder.path, "junit.xml");
  const options = [
    `--timeout=${testTimeoutMs}`,
    "--reporter=junit",
    `--reporter-outfile=${outfile}`,
    ...unable.map(({ file }) => `--path-ignore-patterns=${file}`),
  ];
  const child = Bun.spawn([bun, "test", ...options, ...selection], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "inherit", "inherit"],
    timeout: testsTimeoutMs,
    killSignal: "SIGKILL",
  });
  const code = await child.exited;

  const xml = Bun.file(outfile);
  const expected =
    selection.length > 0 ? [] : files.filter((file) => !unable.some((one) => one.file === file));
  const { tally, failures, faults } = judge((await xml.exists()) ? await xml.text() : "", code, expected);
  report("tests", tally.failed === 0, started);
  for (const line of [...failures, ...faults]) console.log(`  ${line}`);
  return sum(tally, skipped);
}

/** The test files that a selection means as bun reads it: those with one of its words in their path. */
async function filesOf(selection: string[]): Promise<string[]> {
  const all = (await Array.fromAsync(new Bun.Glob("tests/**/*.test.ts").scan(root))).sort();
  const words = selection.map((word) => word.replace(/^\.\//, ""));
  return words.length === 0 ? all : all.filter((file) => words.some((word) => file.includes(word)));
}

function report(name: string, ok: boolean, started: number): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${ok ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
}

if (import.meta.main) await main(process.argv.slice(2));
