/** The commands on a data folder: brought up to date, in use, or written by a newer version. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { carillon, expectWords } from "./command-line.ts";
import { startService } from "./process.ts";
import { tempFolder } from "./temp-folder.ts";

test("migrate says what it applied, and then that nothing is left", async () => {
  await using folder = tempFolder();
  const first = await carillon(["migrate"], { cwd: folder.path });
  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(first.stdout).toMatch(/up to date at version \d+: applied 1\b/);
  const second = await carillon(["migrate"], { cwd: folder.path });
  expect(second.stdout).toMatch(/up to date at version \d+: nothing to apply/);
});

test("on a data folder in use, a start and keys name the process, and doctor takes it for the service", async () => {
  await using folder = tempFolder();
  await using service = startService({ cwd: folder.path });
  await service.ready;
  const { path: cwd } = folder;

  const key = await carillon(["keys", "create", "--name", "shop", "--scopes", "send"], { cwd });
  expect(key.code).toBe(1);
  expectWords(key);
  expect(key.stderr).toContain(`in use by process ${service.pid}.`);
  expect(key.stderr).toContain("POST");

  const second = await carillon(["serve"], { cwd, env: { PORT: "0" } });
  expect(second.code).toBe(1);
  expectWords(second);
  expect(second.stderr).toContain(`(process ${service.pid})`);

  const { port } = new URL(service.url);
  const doctor = await carillon(["doctor"], { cwd, env: { PORT: port } });
  expect(doctor.code).toBe(0);
  expect(doctor.stdout).toMatch(
    new RegExp(`^warn {2}data folder .* in use by process ${service.pid}\\.`, "m"),
  );
  expect(doctor.stdout).toMatch(/^warn {2}port .* another process listens there/m);
});

test("a data folder of a newer version is refused", async () => {
  await using folder = tempFolder();
  const { path: cwd } = folder;
  await carillon(["migrate"], { cwd });
  const database = await PGlite.create(join(cwd, "data/postgres"));
  await database.exec("insert into schema_migrations (version) values (999)");
  await database.close();

  for (const command of ["serve", "migrate"]) {
    const ran = await carillon([command], { cwd, env: { PORT: "0" } });
    expect(ran.code).toBe(1);
    expectWords(ran);
    expect(ran.stderr).toContain("was written by a newer Carillon: the database is at migration 999");
  }

  await Bun.write(join(cwd, "data/complete"), "999\n"); // As the newer one would have noted it.
  const doctor = await carillon(["doctor"], { cwd, env: { PORT: "0" } });
  expect(doctor.code).toBe(1);
  expect(doctor.stdout).toMatch(/^FAIL {2}data folder .* newer Carillon \(version 999;/m);
});
