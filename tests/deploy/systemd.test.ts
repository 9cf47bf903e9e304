/** The unit for systemd, judged by systemd itself. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { programPath } from "../services/debian.ts";
import { runCommand } from "../services/run-command.ts";
import { tempFolder } from "../temp-folder.ts";
import { root } from "./dockerfile.ts";

const unit = join(root, "deploy/carillon.service");
/** Of 100: systemd calls less than 20 "OK". It is 13, most of it for the network, without which nothing is sent. */
const exposureMax = 15;

test("systemd finds no fault in the unit", async () => {
  const analyze = await programPath("systemd-analyze", "systemd");
  await using folder = tempFolder();
  const path = join(folder.path, "carillon.service");
  // It looks for the program, too.
  await Bun.write(
    path,
    (await Bun.file(unit).text()).replace(/^ExecStart=.*$/m, `ExecStart=${process.execPath}`),
  );
  expect(await runCommand([analyze, "verify", path])).toEqual({ ok: true, stdout: "" });
});

test("the unit leaves the service little that it does not need", async () => {
  const analyze = await programPath("systemd-analyze", "systemd");
  const options = ["--offline=true", `--threshold=${exposureMax}`, "--no-pager"];
  expect(await runCommand([analyze, "security", ...options, unit])).toMatchObject({ ok: true });
});
