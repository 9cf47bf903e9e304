/** Lists come from a hot standby, and from the primary while that is away; what is written never goes there. */
import { expect, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { newAdminKey, startService } from "../process.ts";
import { startPostgres, startStandby } from "../services/own-server.ts";
import { tempFolder } from "../temp-folder.ts";
import { createClient, type ListedNotification } from "./client.ts";

test("lists are read from a hot standby, and from the primary while that does not answer", async () => {
  await using folder = tempFolder();
  await using primary = await startPostgres();
  await using standby = await startStandby(primary);
  const key = newAdminKey();
  await using service = startService({
    cwd: folder.path,
    env: { DATABASE_URL: primary.url, DATABASE_REPLICA_URL: standby.url, ADMIN_KEY: key },
  });
  await service.ready;
  const client = createClient({ url: service.url, key });
  const listed = async () =>
    (await client.call<ListedNotification[]>("GET", "/v1/notifications")).data.map(({ id }) => id);

  const first = await client.send({ to: "ana", title: "Hello", body: "It works." });
  await eventually(async () => (await listed()).includes(first));

  await standby.kill();
  const second = await client.send({ to: "ana", title: "Hello again", body: "It works." });
  expect((await client.notification(second)).id).toBe(second);
  await eventually(async () => (await listed()).includes(second));
  expect(await fallbacks(service.url)).toBeGreaterThan(0);

  await standby.restart();
  const third = await client.send({ to: "ana", title: "And again", body: "It works." });
  // It is tried again by a list, now and then, and used from then on.
  await eventually(
    async () => {
      const before = await fallbacks(service.url);
      return (await listed()).includes(third) && (await fallbacks(service.url)) === before;
    },
    { timeoutMs: 20_000 },
  );
  expect(service.stderr()).toContain("replica");
}, 60_000);

/** Lists that went to the primary since the standby did not answer. */
async function fallbacks(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(/^carillon_database_replica_fallbacks_total (\d+)$/m.exec(metrics)?.[1] ?? 0);
}
