import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openDataFolder } from "../../src/adapters/data-folder.ts";
import { startService } from "../process.ts";
import { tempFolder } from "../temp-folder.ts";

test("a folder in use by another process is refused with that process's id, and free once it was killed", async () => {
  await using folder = tempFolder();
  const service = startService({ env: { DATA_DIR: folder.path }, cwd: folder.path });
  await service.ready;
  expect(() => openDataFolder(folder.path)).toThrow(`process ${service.pid}`);
  service.kill("SIGKILL");
  await service.exited;
  openDataFolder(folder.path).release();
});

test("what a first start left unfinished is set aside, not deleted", async () => {
  await using folder = tempFolder();
  mkdirSync(join(folder.path, "postgres/base"), { recursive: true });
  const opened = openDataFolder(folder.path);
  expect(opened.isNew).toBe(true);
  expect(existsSync(opened.databasePath)).toBe(false);
  const aside = readdirSync(folder.path).find((name) => name.startsWith("postgres-incomplete-"));
  expect(readdirSync(join(folder.path, aside ?? ""))).toEqual(["base"]);
  opened.release();
});

test("a folder that has lost its database is refused rather than begun anew", async () => {
  await using folder = tempFolder();
  const opened = openDataFolder(folder.path);
  mkdirSync(opened.databasePath);
  opened.markComplete(1);
  opened.release();
  rmSync(opened.databasePath, { recursive: true });
  expect(() => openDataFolder(folder.path)).toThrow("has lost its database");
});
