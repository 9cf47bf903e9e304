/** A channel that hangs holds up nobody else, and what waits behind it is not lost to its sender. */
import { expect, test } from "bun:test";
import { startHttpSink } from "../channels/sinks.ts";
import { eventually } from "../eventually.ts";
import type { ListedDelivery } from "../process/client.ts";
import { arrivals } from "../process/receivers.ts";
import { stacks } from "../stacks.ts";
import { hangingWebhooks } from "./hanging.ts";
import { createWorld } from "./world.ts";

test.each(stacks)("on %s, a mail server that hangs does not slow the webhooks", async (stack) => {
  await using world = await createWorld({ stack, env: { EMAIL_CONNECTIONS: "2" } });
  const { client, receivers } = world;
  receivers.smtp.onMail = () => "hang";
  const count = 300;
  const message = { title: "Hello", body: "It works." };
  const to = { user_id: "ana", email: "ana@example.test", webhook_url: receivers.http.url };

  const { data } = await client.call<{ id: string }[]>("POST", "/v1/notifications/bulk", {
    notifications: Array.from({ length: count }, () => ({ ...message, to, channels: ["email", "webhook"] })),
  });
  await receivers.smtp.waitFor(2);
  await receivers.http.waitFor(count);

  for (const { id } of data) await world.delivery(id, "webhook", "sent");
  const mailed = await client.all<{ status: string }>("/v1/deliveries?channel=email");
  expect(mailed.filter(({ status }) => status === "sent")).toHaveLength(0);
  expect(receivers.smtp.received).toHaveLength(2);
});

test.each(stacks)(
  "on %s, a webhook's receiver that hangs does not keep those of others waiting for each of its own",
  async (stack) => {
    await using silent = startHttpSink();
    silent.answer = () => new Promise(() => {});
    const env = { WEBHOOK_CONNECTIONS: "4", SEND_TIMEOUT_MS: "100" };
    await using world = await createWorld({ stack, env });
    const { client, receivers } = world;
    const message = { title: "Hello", body: "It works.", channels: ["webhook"] };
    const silentCount = 400; // Four at a time, they alone would take ten seconds.
    const toSilent = { ...message, to: { user_id: "ana", webhook_url: silent.url } };
    const toOther = { ...message, to: { user_id: "bob", webhook_url: receivers.http.url } };

    await client.call("POST", "/v1/notifications/bulk", {
      notifications: [...Array.from({ length: silentCount }, () => toSilent), toOther],
    });
    await receivers.http.waitFor(1);

    expect(silent.received.length).toBeLessThan(silentCount / 10);
    const isNotTried = ({ attempts }: ListedDelivery) =>
      attempts.some(({ outcome, answer }) => outcome === "retry" && answer.startsWith("not tried"));
    await eventually(async () => {
      const toAna = await client.all<ListedDelivery>("/v1/deliveries?user_id=ana");
      return toAna.filter(isNotTried).length > silentCount / 2;
    });
  },
);

test.each(stacks)(
  "on %s, what waits behind a server that hangs can be cancelled, and is not sent once the server answers",
  async (stack) => {
    await using world = await createWorld({ stack, env: { WEBHOOK_CONNECTIONS: "1" } });
    const { client, receivers } = world;
    const { hanging, send, answer } = await hangingWebhooks(world);
    // One more may be claimed ahead, so that the last of these is sure to be still waiting.
    const ahead = await send("ahead");
    const next = await send("next");
    const waiting = await send("waits");
    await world.delivery(waiting, "webhook", "queued");

    expect((await client.call("POST", `/v1/notifications/${waiting}/cancel`)).status).toBe(200);
    answer();
    for (const id of [hanging, ahead, next]) await world.delivery(id, "webhook", "sent");

    expect(await client.notification(waiting)).toMatchObject({
      status: "cancelled",
      deliveries: [{ channel: "webhook", status: "cancelled", reason: "cancelled", attempts: [] }],
    });
    await world.sweep();
    const after = await send("after");
    await world.delivery(after, "webhook", "sent");
    const sent = [hanging, ahead, next, after];
    expect(arrivals(receivers.http.received)).toEqual(new Map(sent.map((id) => [id, 1])));
    expect((await client.call("POST", `/v1/notifications/${hanging}/cancel`)).status).toBe(409);
  },
);

test.each(stacks)(
  "on %s, what still waits behind a server that hangs when the process stops is sent by the next one at once",
  async (stack) => {
    await using world = await createWorld({ stack, env: { WEBHOOK_CONNECTIONS: "1" } });
    const { client, receivers } = world;
    receivers.http.answer = () => new Promise(() => {});
    const to = { user_id: "ana", webhook_url: receivers.http.url };
    const hello = { to, title: "Hello", body: "It works.", channels: ["webhook"] };
    const ids = await Promise.all(Array.from({ length: 10 }, () => client.send(hello)));
    await receivers.http.waitFor(1);
    for (const id of ids)
      await eventually(async () => (await client.notification(id)).status === "processing");

    receivers.http.answer = () => new Response("ok");
    await world.restart();

    const cutOff = new Set([receivers.http.received[0]?.headers.get("webhook-id")?.slice(0, ids[0]?.length)]);
    for (const id of ids) if (!cutOff.has(id)) await world.delivery(id, "webhook", "sent");
  },
);
