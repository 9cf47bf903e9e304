import { expect, test } from "bun:test";
import { join } from "node:path";
import { tempFolder } from "./temp-folder.ts";
import { conclude, judge } from "./verdict.ts";

const passing = `test("passes", () => {});`;

test("what passed, failed and was skipped is counted as bun reports it", async () => {
  const { tally, faults } = await verdictOf({
    "a.test.ts": `${passing} test.skip("is skipped", () => {});`,
    "b.test.ts": `${passing} test("fails <&>", () => { throw new Error("<&>"); });`,
  });
  expect({ tally, faults }).toEqual({ tally: { passed: 2, failed: 1, skipped: 1 }, faults: [] });
});

test("of each test that failed it is told where it is and why", async () => {
  const { failures } = await verdictOf({
    "a.test.ts": passing,
    "b.test.ts": `${passing} test("fails <&>", () => { throw new Error("no\\n\\"1 < 2\\""); });`,
  });
  expect(failures).toEqual(['b.test.ts:1 fails <&>: no "1 < 2"']);
});

test.each([
  ["that throws when it is read", `throw new Error("broken");`],
  ["without a test", "export {};"],
])("a file %s has failed, though all others passed", async (_, text) => {
  const { tally, faults } = await verdictOf({ "a.test.ts": passing, "b.test.ts": text });
  expect({ tally, faults }).toEqual({
    tally: { passed: 1, failed: 1, skipped: 0 },
    faults: ["b.test.ts ran no test"],
  });
});

test("a test that ends the process with 0 has failed, and all that it kept from running", async () => {
  const ending = `${passing} test("ends", () => process.exit(0));`;
  const { tally, faults } = await verdictOf({ "a.test.ts": ending });
  expect(tally).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(faults).toEqual(["bun test ended with 0 and left no report of any test"]);
});

test("an exit code that no failed test explains is a failure, and so is a report that is cut off", async () => {
  const { xml } = await runBun({ "a.test.ts": passing });
  expect(judge(xml, 0, ["a.test.ts"]).tally).toEqual({ passed: 1, failed: 0, skipped: 0 });
  expect(judge(xml, 1, ["a.test.ts"])).toEqual({
    tally: { passed: 1, failed: 1, skipped: 0 },
    failures: [],
    faults: ["bun test ended with 1 although no test failed"],
  });
  expect(judge(xml.slice(0, -20), 0, ["a.test.ts"]).tally.failed).toBe(1);
});

test("what is skipped is told, and has failed where CI is set", () => {
  const tallies = [
    { passed: 3, failed: 0, skipped: 0 },
    { passed: 4, failed: 0, skipped: 2 },
  ];
  expect(conclude(tallies, { ci: false })).toEqual({
    lines: ["7 passed, 0 failed, 2 skipped"],
    exitCode: 0,
  });
  const inCi = conclude(tallies, { ci: true });
  expect(inCi.exitCode).toBe(1);
  expect(inCi.lines.at(-1)).toBe("7 passed, 2 failed");
  expect(conclude(tallies.slice(0, 1), { ci: true })).toEqual({ lines: ["3 passed, 0 failed"], exitCode: 0 });
  expect(conclude([{ passed: 1, failed: 1, skipped: 0 }], { ci: false }).exitCode).toBe(1);
});

async function verdictOf(files: Record<string, string>) {
  const { xml, code } = await runBun(files);
  return judge(xml, code, Object.keys(files));
}

/** What bun itself leaves of these test files: its report, empty where it wrote none, and its exit code. */
async function runBun(files: Record<string, string>): Promise<{ xml: string; code: number }> {
  await using folder = tempFolder();
  for (const [name, text] of Object.entries(files)) {
    await Bun.write(join(folder.path, name), `import { test } from "bun:test"; ${text}`);
  }
  const outfile = join(folder.path, "junit.xml");
  const options = ["--reporter=junit", `--reporter-outfile=${outfile}`];
  const child = Bun.spawn([process.execPath, "test", ...options], {
    cwd: folder.path,
    stdio: ["ignore", "ignore", "ignore"],
  });
  const code = await child.exited;
  const report = Bun.file(outfile);
  return { xml: (await report.exists()) ? await report.text() : "", code };
}
