/** What a run of the tests comes to: from bun's report and its exit code to the last line. */

export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/** The last lines and the exit code. In CI what is skipped has failed: there, all of it can be had. */
export function conclude(tallies: Tally[], { ci }: { ci: boolean }): { lines: string[]; exitCode: number } {
  const { passed, failed, skipped } = tallies.reduce(sum);
  if (!ci || skipped === 0) {
    const last = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
    return { lines: [last], exitCode: failed > 0 ? 1 : 0 };
  }
  const why = `FAIL ${skipped} skipped, and nothing may be skipped where CI is set`;
  return { lines: [why, `${passed} passed, ${failed + skipped} failed`], exitCode: 1 };
}

export function sum(a: Tally, b: Tally): Tally {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/**
 * What bun's report and its exit code say together. Bun 1.4.4 writes no report when it is killed, when a test
 * ends the process (even with 0) and when no test ran; a file that throws on import is not in the report.
 *
 * @param files the test files that must have left something in the report
 */
export function judge(xml: string, exitCode: number, files: string[]): Verdict {
  const counts = countsOf(xml);
  if (!counts) {
    const fault = `bun test ended with ${exitCode} and left no report of any test`;
    return { tally: { passed: 0, failed: 1, skipped: 0 }, failures: [], faults: [fault] };
  }

  const reported = new Set([...xml.matchAll(/<testsuite\s[^>]*?\bfile="([^"]*)"/g)].map(([, file]) => file));
  const faults = files.filter((file) => !reported.has(file)).map((file) => `${file} ran no test`);
  if (exitCode !== 0 && counts.failures + faults.length === 0) {
    faults.push(`bun test ended with ${exitCode} although no test failed`);
  }
  const { tests, failures, skipped } = counts;
  const tally = { passed: tests - failures - skipped, failed: failures + faults.length, skipped };
  return { tally, failures: failuresOf(xml), faults };
}

interface Verdict {
  tally: Tally;
  /** A line for each test that failed: where it is, its name, and why. */
  failures: string[];
  /** What else was wrong with the run. */
  faults: string[];
}

/** As the end of a long output is often all that is seen of it. */
function failuresOf(xml: string): string[] {
  const cases = xml.matchAll(/<testcase\s([^>]*)>\s*<failure\s([^>]*)>/g);
  return Array.from(cases, ([, test = "", failure = ""]) => {
    const [name, file, line] = ["name", "file", "line"].map((key) => attributeOf(test, key));
    return `${file}:${line} ${name}: ${attributeOf(failure, "message").slice(0, messageCharactersMax)}`;
  });
}

/** On one line, without the entities that a report is written with. */
function attributeOf(attributes: string, name: string): string {
  const [, value = ""] = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes) ?? [];
  return value
    .replace(/&(lt|gt|quot|apos|#10|amp);/g, (_, entity: keyof typeof entities) => entities[entity])
    .replace(/\s+/g, " ")
    .trim();
}

const entities = { lt: "<", gt: ">", quot: '"', apos: "'", "#10": " ", amp: "&" };
const messageCharactersMax = 400;

/** The counts on the report's root; undefined for a report that is cut off, is none, or counts no test. */
function countsOf(xml: string): { tests: number; failures: number; skipped: number } | undefined {
  const [, attributes = ""] = /<testsuites((?:\s+[\w-]+="[^"]*")*)\s*>/.exec(xml) ?? [];
  const count = (name: string) => Number(new RegExp(`\\s${name}="(\\d+)"`).exec(attributes)?.[1]);
  const [tests, failures, skipped] = [count("tests"), count("failures"), count("skipped")];

  const complete = xml.trimEnd().endsWith("</testsuites>");
  const sound = tests > 0 && failures >= 0 && skipped >= 0 && tests >= failures + skipped;
  return complete && sound ? { tests, failures, skipped } : undefined;
}
