/**
 * The one command that checks everything: `bun run test`. With arguments (`bun run test tests/channels`) it
 * runs only the tests that they select. The real servers that tests run on are brought up first, and down again
 * unless they ran already. Its last line on stdout is `N passed, N failed`.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { onceGone } from "./process.ts";
import {
  environmentOf,
  isLacking,
  reasonOf,
  servicesDown,
  servicesUp,
  startedIn,
} from "./services/services.ts";
import { tempFolder } from "./temp-folder.ts";

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

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
  const bringingUp = bringUp(); // While the checks run: most of it is waiting.
  if (selection.length === 0) {
    await rm(binary, { force: true }); // The tests of the binary must not pass on an older one.
    for (const check of checks) tallies.push(await runCheck(check));
  }
  await using services = await bringingUp;
  tallies.push(services.tally, await runTests(selection, services.environment));

  const { passed, failed, skipped } = tallies.reduce(sum);
  const skippedInCi = Boolean(process.env.CI) && skipped > 0;
  if (skippedInCi) console.log("FAIL nothing may be skipped where CI is set");
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  process.exitCode = failed > 0 || skippedInCi ? 1 : 0;
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
}

async function bringUp(): Promise<BroughtUp> {
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
    async [Symbol.asyncDispose]() {
      await servicesDown(names);
      ending?.cancel();
    },
  };
}

async function runTests(selection: string[], environment: Record<string, string>): Promise<Tally> {
  await using folder = tempFolder();
  const outfile = join(folder.path, "junit.xml");
  const started = performance.now();
  const options = [`--timeout=${testTimeoutMs}`, "--reporter=junit", `--reporter-outfile=${outfile}`];
  const child = Bun.spawn([bun, "test", ...options, ...selection], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "inherit", "inherit"],
    timeout: testsTimeoutMs,
    killSignal: "SIGKILL",
  });
  const code = await child.exited;

  const xml = Bun.file(outfile);
  const files = selection.length === 0 ? await testFiles() : [];
  const { tally, faults } = judge((await xml.exists()) ? await xml.text() : "", code, files);
  report("tests", tally.failed === 0, started);
  for (const fault of faults) console.log(`  ${fault}`);
  return tally;
}

/**
 * What bun's report and its exit code say together. Bun 1.4.4 writes no report when it is killed, when a test
 * ends the process (even with 0) and when no test ran; a file that throws on import is not in the report.
 *
 * @param files the test files that must have left something in the report
 */
export function judge(xml: string, exitCode: number, files: string[]): { tally: Tally; faults: string[] } {
  const counts = countsOf(xml);
  if (!counts) {
    const fault = `bun test ended with ${exitCode} and left no report of any test`;
    return { tally: { passed: 0, failed: 1, skipped: 0 }, faults: [fault] };
  }

  const reported = new Set([...xml.matchAll(/<testsuite\s[^>]*?\bfile="([^"]*)"/g)].map(([, file]) => file));
  const faults = files.filter((file) => !reported.has(file)).map((file) => `${file} ran no test`);
  if (exitCode !== 0 && counts.failures + faults.length === 0) {
    faults.push(`bun test ended with ${exitCode} although no test failed`);
  }
  const { tests, failures, skipped } = counts;
  const tally = { passed: tests - failures - skipped, failed: failures + faults.length, skipped };
  return { tally, faults };
}

/** The counts on the report's root; undefined for a report that is cut off, is none, or counts no test. */
function countsOf(xml: string): { tests: number; failures: number; skipped: number } | undefined {
  const [, attributes = ""] = /<testsuites((?:\s+[\w-]+="[^"]*")*)\s*>/.exec(xml) ?? [];
  const count = (name: string) => Number(new RegExp(`\\s${name}="(\\d+)"`).exec(attributes)?.[1]);
  const [tests, failures, skipped] = [count("tests"), count("failures"), count("skipped")];

  const complete = xml.trimEnd().endsWith("</testsuites>");
  const sound = tests > 0 && failures >= 0 && skipped >= 0 && tests >= failures + skipped;
  return complete && sound ? { tests, failures, skipped } : undefined;
}

async function testFiles(): Promise<string[]> {
  return (await Array.fromAsync(new Bun.Glob("tests/**/*.test.ts").scan(root))).sort();
}

function sum(a: Tally, b: Tally): Tally {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

function report(name: string, ok: boolean, started: number): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${ok ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
}

if (import.meta.main) await main(process.argv.slice(2));
