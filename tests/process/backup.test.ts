/** The data folder of a service that was stopped is all there is to keep, and is put back by being copied. */
import { expect, test } from "bun:test";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { newAdminKey, startService } from "../process.ts";
import { tempFolder } from "../temp-folder.ts";
import { createClient, nothingOpen } from "./client.ts";

test("a copy of the data folder serves what was there when it was made", async () => {
  await using folder = tempFolder();
  const data = join(folder.path, "data");
  const backup = join(folder.path, "backup");
  const env = { DATA_DIR: data, ADMIN_KEY: newAdminKey() };
  const start = async () => {
    const service = startService({ cwd: folder.path, env });
    await service.ready;
    return { service, client: createClient({ url: service.url, key: env.ADMIN_KEY }) };
  };
  const stop = async ({ service }: Awaited<ReturnType<typeof start>>) => {
    service.kill("SIGTERM");
    expect(await service.exited).toBe(0);
  };

  const first = await start();
  await first.client.send({ to: "ana", title: "Before the backup", body: "Kept." });
  await eventually(() => nothingOpen(first.client));
  await stop(first);
  await cp(data, backup, { recursive: true });

  const second = await start();
  await second.client.send({ to: "ana", title: "After the backup", body: "Lost with the folder." });
  await stop(second);
  await rm(data, { recursive: true });
  await cp(backup, data, { recursive: true });

  const third = await start();
  await using _ = third.service;
  expect(await third.client.all("/v1/users/ana/inbox")).toMatchObject([{ title: "Before the backup" }]);
  await third.client.send({ to: "ana", title: "After the restore", body: "It goes on." });
  await eventually(() => nothingOpen(third.client));
  expect(await third.client.all("/v1/users/ana/inbox")).toHaveLength(2);
}, 60_000);
