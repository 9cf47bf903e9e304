import { expect, test } from "bun:test";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { startService } from "../process.ts";
import { tempFolder } from "../temp-folder.ts";

const built = join(import.meta.dir, "../../dist/carillon");

/** Neither Node nor Bun can be found on this path; `sh` and `curl` are called by their own. */
const nothing = { PATH: "/nowhere" };

/**
 * From its start until it listens, in milliseconds: 2 s on a new data folder and 0.5 s on an existing one are asked
 * for, where it has a core to itself. Tests run side by side.
 */
const readyMaxMs = { fresh: 10_000, existing: 5000 };

test("the binary starts from an empty folder, its printed curl line works, and it starts again on its data", async () => {
  await using folder = tempFolder();
  const binary = join(folder.path, "carillon");
  await copyFile(built, binary);

  const first = startService({ command: [binary, "dev"], env: nothing, cwd: folder.path });
  const freshMs = await timeOf(first.ready);
  const curl = /curl -s [^\n]*\\\n[^\n]*/.exec(first.stdout())?.[0] ?? "";
  const pasted = Bun.spawn(["/bin/sh", "-c", curl], {
    env: { PATH: "/usr/bin:/bin", ADMIN_KEY: first.adminKey },
    stdout: "pipe",
  });
  const { data } = (await new Response(pasted.stdout).json()) as { data: { id: string } };
  const deliveries = await eventually(() => deliveriesOf(first, data.id));
  expect(deliveries).toEqual(["email: sent", "inbox: sent"]);
  first.kill("SIGTERM");
  expect(await first.exited).toBe(0);

  const env = { ...nothing, ADMIN_KEY: first.adminKey };
  await using second = startService({ command: [binary], env, cwd: folder.path });
  const existingMs = await timeOf(second.ready);
  expect(await deliveriesOf(second, data.id)).toEqual(["email: sent", "inbox: sent"]);
  console.log(`binary: ready after ${freshMs} ms on a new folder, ${existingMs} ms on an existing one`);
  expect(freshMs).toBeLessThan(readyMaxMs.fresh);
  expect(existingMs).toBeLessThan(readyMaxMs.existing);
}, 60_000);

test("of a key the binary makes, only the hash is found in the data folder", async () => {
  await using folder = tempFolder();
  const command = [built, "keys", "create", "--name", "shop", "--scopes", "send"];
  const made = Bun.spawn(command, { env: nothing, cwd: folder.path, stdout: "pipe", stderr: "ignore" });
  const secret = (await new Response(made.stdout).text()).trim();
  expect(secret).toStartWith("crl_live_");
  const found = Bun.spawn(["/bin/grep", "-rqa", secret, join(folder.path, "data")]);
  expect(await found.exited).toBe(1);
}, 60_000);

/** How long something that has just begun takes from now on, in whole milliseconds. */
async function timeOf(promise: Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await promise;
  return Math.round(performance.now() - startedMs);
}

interface Detail {
  status: string;
  deliveries: { channel: string; status: string }[];
}

/** Each delivery with its state, once the notification is closed. */
async function deliveriesOf(
  { url, adminKey }: { url: string; adminKey: string },
  id: string,
): Promise<string[] | undefined> {
  const answer = await fetch(`${url}/v1/notifications/${id}`, {
    headers: { authorization: `Bearer ${adminKey}` },
  });
  const { data } = (await answer.json()) as { data: Detail };
  if (data.status !== "sent") return undefined;
  return data.deliveries.map(({ channel, status }) => `${channel}: ${status}`);
}
