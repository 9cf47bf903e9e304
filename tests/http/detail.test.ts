/** A closed notification is read from the cache, and never as it was before somebody changed it. */
import { afterAll, expect, test } from "bun:test";
import { startHttpSink } from "../channels/sinks.ts";
import { aNotification, httpForAll, webhooksToHere } from "./service.ts";

const service = httpForAll({ ...webhooksToHere, RETRY_SCHEDULE: "1s" });
const receiver = startHttpSink();
afterAll(() => receiver[Symbol.asyncDispose]());

async function sent(changes: Record<string, unknown> = {}): Promise<string> {
  const { data } = await service.call("POST /v1/notifications", { body: aNotification(changes) });
  return data.id;
}

async function hitsOf(name: string): Promise<number> {
  const { text } = await service.call("GET /metrics", { key: null });
  return Number(
    new RegExp(`^carillon_cache_requests_total{cache="${name}",result="hit"} (\\d+)`, "m").exec(text)?.[1],
  );
}

test("a closed one is read once from the database, and then from the cache", async () => {
  const id = await sent();
  const first = await service.until(id, "sent");
  const before = await hitsOf("notification");
  expect(await service.read(id)).toEqual(first);
  expect(await service.read(id)).toEqual(first);
  expect(await hitsOf("notification")).toBe(before + 2);
});

test("an open one is never cached", async () => {
  const id = await sent({ send_at: new Date(Date.now() + 3_600_000).toISOString() });
  expect((await service.read(id)).status).toBe("scheduled");
  expect((await service.call(`POST /v1/notifications/${id}/cancel`)).data.status).toBe("cancelled");
  expect((await service.read(id)).status).toBe("cancelled");
});

test("a mark in the inbox, one or all, shows in the next read", async () => {
  const id = await sent({ to: "marker" });
  await service.until(id, "sent");
  const inbox = async () =>
    (await service.read(id)).deliveries.find(({ channel }: { channel: string }) => channel === "inbox");
  expect((await inbox()).read_at).toBeNull();
  await service.call(`PATCH /v1/users/marker/inbox/${id}`, { body: { read: true } });
  expect((await inbox()).read_at).not.toBeNull();
  await service.call("POST /v1/users/marker/inbox/mark-all", { body: { archived: true } });
  expect((await inbox()).archived_at).not.toBeNull();
});

test("a replay opens it again, for the next read too", async () => {
  receiver.answer = () => new Response("gone", { status: 410 });
  const to = { user_id: "replayed", webhook_url: receiver.url };
  const id = await sent({ to, channels: ["webhook"] });
  await service.until(id, "failed");
  receiver.answer = () => new Response("ok");
  await service.call(`POST /v1/deliveries/${id}-webhook/replay`);
  const { deliveries } = await service.until(id, "sent");
  expect(deliveries[0].attempts).toHaveLength(2);
});

test("what was erased is not read from the cache", async () => {
  const id = await sent({ to: "erased", title: "a secret" });
  expect((await service.until(id, "sent")).title).toBe("a secret");
  await service.call("DELETE /v1/users/erased");
  expect((await service.read(id)).title).toBe("");
});
