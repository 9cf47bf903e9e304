/** The table of settings, and where it is written. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { settingsTable } from "../src/cli-settings.ts";
import { carillon, expectWords } from "./command-line.ts";
import { tempFolder } from "./temp-folder.ts";

test("the README's table of settings is the generated one", async () => {
  const readme = await Bun.file(join(import.meta.dir, "../README.md")).text();
  expect(readme).toContain(`<!-- settings -->\n\n${settingsTable()}\n\n<!-- /settings -->`);
});

test("settings are written between their marks, and nowhere else", async () => {
  await using folder = tempFolder();
  const { path: cwd } = folder;
  const file = join(cwd, "page.md");
  await Bun.write(file, "before\n<!-- settings -->old<!-- /settings -->\nafter\n");
  expect(await carillon(["settings", "--write", file])).toEqual({ code: 0, stdout: "", stderr: "" });
  const written = `before\n<!-- settings -->\n\n${settingsTable()}\n\n<!-- /settings -->\nafter\n`;
  expect(await Bun.file(file).text()).toBe(written);

  await Bun.write(file, "no marks");
  const ran = await carillon(["settings", "--write", file]);
  expect(ran.code).toBe(1);
  expectWords(ran);
  expect(await Bun.file(file).text()).toBe("no marks");
});
