/** Keys on a data folder; on servers, see cli-servers.test.ts. */
import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { carillon, expectWords, statusOf, uuid } from "./command-line.ts";
import { startService } from "./process.ts";
import { tempFolder } from "./temp-folder.ts";

test("a key that was made works with the service on the same folder, until it is revoked", async () => {
  await using folder = tempFolder();
  const { path: cwd } = folder;
  const made = await carillon(["keys", "create", "--name", "shop", "--scopes", "send,read"], {
    cwd,
    env: { DATA_DIR: "data" },
  });
  expect(made.code).toBe(0);
  expect(made.stdout).toMatch(/^crl_live_[\w-]{32}\n$/);
  const key = made.stdout.trim();
  {
    await using service = startService({ cwd });
    await service.ready;
    expect(await statusOf(service, key)).toBe(200);
  }
  const { stdout: listed } = await carillon(["keys", "list"], { cwd });
  const line = listed.split("\n").find((one) => one.endsWith("shop")) ?? "";
  expect(line).toContain("live  active  send,read");
  expect(line).not.toContain(key);

  const [id = ""] = uuid.exec(line) ?? [];
  expect(await carillon(["keys", "revoke", id], { cwd })).toMatchObject({ code: 0 });
  expect((await carillon(["keys", "list"], { cwd })).stdout).toContain("live  revoked  send,read");
  await using service = startService({ cwd });
  await service.ready;
  expect(await statusOf(service, key)).toBe(401);
}, 60_000);

test("looking for keys makes no data folder, and an unknown key cannot be revoked", async () => {
  await using folder = tempFolder();
  const ran = await carillon(["keys", "list"], { cwd: folder.path });
  expect(ran.code).toBe(1);
  expectWords(ran);
  expect(ran.stderr).toContain("no Carillon data");
  expect(await readdir(folder.path)).toEqual([]);

  await carillon(["migrate"], { cwd: folder.path });
  const id = "019e1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b";
  const unknown = await carillon(["keys", "revoke", id], { cwd: folder.path });
  expect(unknown).toMatchObject({ code: 1, stderr: `No key ${id} belongs to project "default".\n` });
});
