/** Who gets what on which channel, as it is stored and shown: with providers, without, in dev, with a test key. */
import { expect, test } from "bun:test";
import type { ListedNotification, NotificationDetail } from "../process/client.ts";
import { stacks } from "../stacks.ts";
import { createWorld, type World } from "./world.ts";

const everywhere = ({ receivers }: World) => ({
  user_id: "ana",
  email: "ana@example.test",
  phone: "+351912345678",
  webhook_url: receivers.http.url,
});

const statuses = ({ deliveries }: NotificationDetail) =>
  Object.fromEntries(deliveries.map(({ channel, status, reason }) => [channel, reason ?? status]));

test.each(stacks)(
  "on %s, channels left out mean every channel that the user has an address for",
  async (stack) => {
    await using world = await createWorld({ stack });
    const { client, receivers } = world;
    const { phone: _, ...withoutPhone } = everywhere(world);
    const id = await client.send({ to: withoutPhone, title: "Hello", body: "It works." });
    const bare = await client.send({ to: "bob", title: "Hello", body: "It works." });

    await world.delivery(id, "email", "sent");
    await world.delivery(id, "webhook", "sent");
    expect(statuses(await client.notification(id))).toEqual({
      email: "sent",
      inbox: "sent",
      webhook: "sent",
    });
    await world.delivery(bare, "inbox", "sent");
    expect(statuses(await client.notification(bare))).toEqual({ inbox: "sent" });
    expect(receivers.smtp.received).toHaveLength(1);
    expect(receivers.http.received).toHaveLength(1);
  },
);

test.each(stacks)(
  "on %s, channels that are named are all decided on, each with its reason",
  async (stack) => {
    await using world = await createWorld({ stack });
    const to = { user_id: "ana", phone: "+351912345678" };
    const channels = ["sms", "email", "push", "inbox"];
    const id = await world.client.send({ to, title: "Hello", body: "It works.", channels });

    await world.delivery(id, "inbox", "sent");
    expect(statuses(await world.client.notification(id))).toEqual({
      sms: "no_provider",
      email: "no_address",
      push: "no_address",
      inbox: "sent",
    });
  },
);

test.each(stacks)("on %s, without providers serve skips with the reason", async (stack) => {
  await using world = await createWorld({ stack, providers: false });
  const to = { user_id: "ana", email: "ana@example.test", phone: "+351912345678" };
  const id = await world.client.send({ to, title: "Hello", body: "It works.", channels: ["email", "sms"] });

  await world.delivery(id, "email", "skipped");
  const notification = await world.client.notification(id);
  expect(notification).toMatchObject({ status: "skipped", reason: "no_provider" });
  expect(statuses(notification)).toEqual({ email: "no_provider", sms: "no_provider" });
});

test.each(stacks)(
  "on %s, without providers dev keeps the message where the developer sees it",
  async (stack) => {
    await using world = await createWorld({ stack, providers: false, dev: true });
    const to = { user_id: "ana", email: "ana@example.test" };
    const id = await world.client.send({ to, title: "Hello", body: "It works.", channels: ["email"] });

    const { attempts } = await world.delivery(id, "email", "sent");
    expect(attempts).toMatchObject([{ provider: "sandbox", outcome: "sent" }]);
    const { data } = await world.client.call<object[]>("GET", "/v1/sandbox/messages");
    expect(data).toMatchObject([{ user_id: "ana", channel: "email", title: "Hello", body: "It works." }]);
  },
);

test.each(stacks)("on %s, a test key walks the whole path and sends nothing", async (stack) => {
  await using world = await createWorld({ stack });
  const { client, receivers } = world;
  const key = { name: "ci", kind: "test", scopes: ["send", "read"] };
  const made = await client.call<{ secret: string }>("POST", "/v1/keys", key);
  const tester = client.as(made.data.secret);
  const id = await tester.send({ to: everywhere(world), title: "Hello", body: "It works." });

  for (const channel of ["email", "sms", "webhook"]) await world.delivery(id, channel, "sent", tester);
  const sent = await tester.notification(id);
  expect(statuses(sent)).toEqual({ email: "sent", inbox: "sent", sms: "sent", webhook: "sent" });
  for (const { channel, attempts } of sent.deliveries) {
    if (channel !== "inbox") expect(attempts).toMatchObject([{ provider: "test", outcome: "sent" }]);
  }
  expect(receivers.smtp.received).toHaveLength(0);
  expect(receivers.http.received).toHaveLength(0);
  expect(await client.all<ListedNotification>("/v1/notifications")).toEqual([]);
});
