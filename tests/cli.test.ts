/** What all commands share: the help, the version, and what wrong usage is answered with. */
import { expect, test } from "bun:test";
import packageJson from "../package.json" with { type: "json" };
import { settings } from "../src/config.ts";
import { carillon, expectWords } from "./command-line.ts";

test("the help names every command, setting and exit code", async () => {
  const { code, stdout } = await carillon(["--help"]);
  expect(code).toBe(0);
  for (const { name, sentence } of Object.values(settings)) {
    expect(stdout).toContain(name);
    expect(stdout).toContain(sentence);
  }
  for (const command of [
    "serve",
    "dev",
    "migrate",
    "doctor",
    "health",
    "explain",
    "keys",
    "export",
    "import",
    "send",
    "settings",
    "metrics",
  ]) {
    expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
  }
  expect(stdout).toContain("Exit codes:");
});

test.each([
  "serve",
  "dev",
  "migrate",
  "doctor",
  "health",
  "keys create",
  "keys list",
  "keys revoke",
  "export",
  "import",
  "send",
  "settings",
])("the help of %s has an example", async (command) => {
  const { code, stdout } = await carillon([...command.split(" "), "--help"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Examples?:\n {2}.*carillon/m);
});

test("the version is the package's", async () => {
  expect(await carillon(["--version"])).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: "" });
});

test.each([
  ["an unknown command", ["doctr"], "Did you mean doctor?"],
  ["an unknown option", ["settings", "--wrte", "README.md"], "Did you mean --write?"],
  ["a setting given as an option", ["serve", "--port", "80"], "unknown option '--port'"],
  ["a missing option", ["keys", "create", "--name", "shop"], "--scopes"],
  ["an unknown scope", ["keys", "create", "--name", "shop", "--scopes", "send,fly"], '"admin"|"send"|"read"'],
  ["an id that is none", ["keys", "revoke", "4711"], "lowercase UUIDs"],
  ["a send without a key", ["send", "--to", "ana", "--title", "Hi", "--body", "Ho"], "CARILLON_KEY"],
])("wrong usage ends with 2: %s", async (_, args, words) => {
  const ran = await carillon(args);
  expect(ran.code).toBe(2);
  expectWords(ran);
  expect(ran.stderr).toContain(words);
});
