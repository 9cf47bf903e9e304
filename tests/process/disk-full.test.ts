/** A disk without room: what cannot be kept is refused, what was promised is kept, and nothing wedges. */
import { describe, expect, test } from "bun:test";
import { eventually, within } from "../eventually.ts";
import { newAdminKey, startService } from "../process.ts";
import { type Client, createClient, nothingOpen } from "./client.ts";
import { newLedger, startLoad } from "./load.ts";
import { arrivals, startReceivers } from "./receivers.ts";
import { mountFault, smallDisk } from "./small-disk.ts";

const diskMb = 200;
const mb = 1024 * 1024;
/** Above what the service keeps free for its log, so that the first writes still pass. */
const almostFullBytes = 67 * mb;
const exitMaxMs = 10_000;
const fault = mountFault();

describe.skipIf(fault !== null)(`on a disk that fills up${fault ? ` (skipped: ${fault})` : ""}`, () => {
  test("what finds no room is refused with 507, what was promised arrives, and it goes on once there is room", async () => {
    await using disk = smallDisk(diskMb);
    await using receivers = await startReceivers();
    const { http } = receivers;
    const env = { ...receivers.env, ADMIN_KEY: newAdminKey() };
    const ledger = newLedger();
    const service = startService({ cwd: disk.path, env });
    await service.ready;
    const client = createClient({ url: service.url, key: env.ADMIN_KEY });
    disk.leave(almostFullBytes);

    const load = startLoad({
      client,
      ledger,
      compose: (title) => ({ to: { user_id: "ana", webhook_url: http.url }, title, body: noise(20_000) }),
      onAnswer: (status) => status === 507 && load.stop(),
    });
    await load.ended;
    expect(ledger.unanswered).toBe(0);
    expect([...ledger.refused.keys()]).toEqual([507]);
    const { data } = await postHello(client);
    expect(data).toMatchObject({ code: "storage_full" });
    const [someId = ""] = ledger.promised.keys();
    expect((await client.notification(someId)).id).toBe(someId);

    disk.makeRoom();
    const { data: later } = await eventually(async () => {
      const answer = await postHello(client);
      return answer.status === 202 && answer;
    });
    await eventually(() => nothingOpen(client), { timeoutMs: 30_000 });
    service.kill("SIGTERM");
    expect(await service.exited).toBe(0);
    await using successor = startService({ cwd: disk.path, env });
    await successor.ready;
    const again = createClient({ url: successor.url, key: env.ADMIN_KEY });
    const arrived = arrivals(http.received);
    for (const id of [...ledger.promised.keys(), later.id]) {
      expect(await again.notification(id)).toMatchObject({ id, status: "sent" });
      if (id !== later.id) expect(arrived.get(id)).toBeGreaterThan(0);
    }
    console.log(`full disk: ${ledger.promised.size} answered with 202 before the first 507, none lost`);
  }, 60_000);

  test("an outcome that finds no room does not keep SIGTERM from ending the process, and is not lost", async () => {
    await using disk = smallDisk(diskMb);
    await using receivers = await startReceivers();
    const { http } = receivers;
    const env = { ...receivers.env, ADMIN_KEY: newAdminKey(), DRAIN_MS: "1000" };
    const service = startService({ cwd: disk.path, env });
    await service.ready;
    const client = createClient({ url: service.url, key: env.ADMIN_KEY });
    const answer = Promise.withResolvers<void>();
    http.answer = () => answer.promise.then(() => new Response("ok"));
    const to = { user_id: "ana", webhook_url: http.url };
    const id = await client.send({ to, title: "Hello", body: "It works.", channels: ["webhook"] });
    await http.waitFor(1);
    disk.leave(mb);
    answer.resolve();
    await eventually(() => service.stderr().includes("record failed"));

    service.kill("SIGTERM");
    const late = () => `it still runs ${exitMaxMs} ms after SIGTERM: ${service.stderr()}`;
    await within(exitMaxMs, service.exited, late).finally(() => service.kill("SIGKILL"));

    const refused = startService({ cwd: disk.path, env });
    expect(await refused.exited).toBe(1);
    expect(refused.stderr()).toContain("full");
    disk.makeRoom();
    await using successor = startService({ cwd: disk.path, env });
    await successor.ready;
    const again = createClient({ url: successor.url, key: env.ADMIN_KEY });
    await eventually(() => nothingOpen(again));
    expect(await again.notification(id)).toMatchObject({ status: "sent" });
  }, 60_000);
});

const postHello = (client: Client) =>
  client.call<{ id: string; code?: string }>("POST", "/v1/notifications", {
    to: "bob",
    title: "Hello",
    body: "Is there room?",
  });

/** Text that does not compress. */
const noise = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)).toBase64();
