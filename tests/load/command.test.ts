import { expect, test } from "bun:test";
import { join } from "node:path";
import { tempFolder } from "../temp-folder.ts";
import { load } from "./command.ts";

test("a scenario that is held ends with 0, its table, its page and its section", async () => {
  await using folder = tempFolder();
  const document = join(folder.path, "load-tests.md");
  await Bun.write(document, "# Load tests\n\n<!-- results -->\n<!-- /results -->\n\nEnd.\n");
  const { code, stdout, stderr, reports } = await load(["smoke", "--short", "--write", document]);

  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const measure of ["response time (p95)", "error rate", "cache hit rate", "database query (p95)"]) {
    expect(stdout).toMatch(new RegExp(`${RegExp.escape(measure)}.*held`));
  }
  const page = reports["smoke-embedded.html"] ?? "";
  expect(page.match(/<svg /g)).toHaveLength(6);
  // It stands alone, and says so to the browser.
  expect(page).toContain("default-src 'none'");
  expect(page).not.toMatch(/https?:\/\/|<script|style="/);
  const text = await Bun.file(document).text();
  expect(text).toStartWith("# Load tests\n\n<!-- results -->\n\n<!-- smoke on embedded -->\n### smoke on ");
  expect(text).toContain("| error rate | < 1 % | > 5 % |  | 0 % | held |");
  expect(text).toEndWith("<!-- /results -->\n\nEnd.\n");
}, 60_000);

test("a scenario that is not held ends with 1 and says what does not hold", async () => {
  const { code, stdout } = await load(["smoke", "--short", "--set", "RATE_LIMIT_PER_MINUTE=300"]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/error rate.*critical/);
  expect(stdout).toContain("does not hold: errors: rate<0.01");
}, 60_000);

test("a scenario that there is not, a stack that there is not and half a setting end with 2", async () => {
  for (const args of [["smok"], ["smoke", "--stack", "oracle"], ["smoke", "--set", "WORKERS"], []]) {
    const { code, stderr } = await load(args);
    expect({ args, code }).toEqual({ args, code: 2 });
    expect(stderr).toMatch(/none of smoke, load|none of embedded|not NAME=value|missing required argument/);
  }
});

test("without k6 and without Go it says how to have one", async () => {
  await using folder = tempFolder();
  const { code, stderr } = await load(["smoke"], { PATH: "", TEST_K6: "", XDG_CACHE_HOME: folder.path });
  expect(code).toBe(1);
  expect(stderr).toContain("put k6 on the PATH, or install Go");
});

test("a service that cannot start is said, in its words", async () => {
  const { code, stderr } = await load(["smoke", "--set", "DATABASE_URL=postgres://127.0.0.1:1/nowhere"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/the service ended with 1 before it was ready[\s\S]*127\.0\.0\.1:1/);
}, 40_000);
