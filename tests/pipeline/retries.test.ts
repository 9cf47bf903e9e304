/** What the other side answers decides what happens next: by real servers, with time stepped by hand. */
import { describe, expect, test } from "bun:test";
import { Webhook } from "standardwebhooks";
import { SmtpRefusal } from "../channels/sinks.ts";
import type { ListedDelivery } from "../process/client.ts";
import { stacks } from "../stacks.ts";
import { hour, minute, second } from "./clock.ts";
import { createWorld, type World } from "./world.ts";

const outcomes = ({ attempts }: ListedDelivery) => attempts.map(({ outcome }) => outcome);

const sendWebhook = ({ client, receivers }: World) =>
  client.send({
    to: { user_id: "ana", webhook_url: receivers.http.url },
    title: "Hello",
    body: "It works.",
    channels: ["webhook"],
    data: { order: 17 },
  });

const sendEmail = ({ client }: World) =>
  client.send({
    to: { user_id: "ana", email: "ana@example.test" },
    title: "Hello",
    body: "It works.",
    channels: ["email"],
  });

describe("a webhook", () => {
  test.each(stacks)(
    "on %s, is tried to the end of the schedule, is then a dead letter, and arrives when replayed",
    async (stack) => {
      await using world = await createWorld({ stack, env: { RETRY_SCHEDULE: "1m,10m" } });
      const { client, clock, receivers } = world;
      receivers.http.answer = () => new Response("down", { status: 500 });
      const id = await sendWebhook(world);

      await world.delivery(id, "webhook", "retrying");
      clock.step(47 * second);
      await world.sweep();
      await world.delivery(id, "webhook", "retrying");
      expect(receivers.http.received).toHaveLength(1);
      clock.step(25 * second);
      await world.sweep();
      await receivers.http.waitFor(2);
      await world.delivery(id, "webhook", "retrying");
      clock.step(12 * minute);
      await world.sweep();
      const failed = await world.delivery(id, "webhook", "failed");

      expect(failed.reason).toBe("attempts_exhausted");
      expect(outcomes(failed)).toEqual(["retry", "retry", "retry"]);
      expect(await client.notification(id)).toMatchObject({ status: "failed", reason: "attempts_exhausted" });
      const deadLetters = await client.all<ListedDelivery>("/v1/deliveries?status=failed");
      expect(deadLetters.map((letter) => letter.id)).toEqual([failed.id]);

      receivers.http.answer = () => new Response("ok");
      expect((await client.call("POST", `/v1/deliveries/${failed.id}/replay`)).status).toBe(202);
      const sent = await world.delivery(id, "webhook", "sent");
      expect(outcomes(sent)).toEqual(["retry", "retry", "retry", "sent"]);
      expect(await client.notification(id)).toMatchObject({ status: "sent", reason: null });
      expect(await client.all("/v1/deliveries?status=failed")).toEqual([]);
    },
  );

  test.each(stacks)(
    "on %s, carries one webhook-id over all attempts, and a signature that standardwebhooks verifies",
    async (stack) => {
      await using world = await createWorld({ stack, env: { RETRY_SCHEDULE: "1m" } });
      const { clock, receivers } = world;
      receivers.http.answer = () => new Response("down", { status: 500 });
      const id = await sendWebhook(world);
      await world.delivery(id, "webhook", "retrying");
      receivers.http.answer = () => new Response("ok");
      clock.step(2 * minute);
      await world.sweep();
      await world.delivery(id, "webhook", "sent");

      const calls = receivers.http.received;
      expect(calls).toHaveLength(2);
      const webhook = new Webhook(receivers.secret);
      for (const { body, headers } of calls) {
        expect(webhook.verify(body, Object.fromEntries(headers))).toMatchObject({
          type: "notification",
          data: {
            id,
            user_id: "ana",
            title: "Hello",
            body: "It works.",
            priority: "normal",
            data: { order: 17 },
          },
        });
      }
      const [first, second] = calls.map(({ headers }) => headers.get("webhook-id"));
      expect(first).toBe(second ?? "");
    },
  );

  test.each(stacks)("on %s, is not sent again before the time that Retry-After asks for", async (stack) => {
    await using world = await createWorld({ stack, env: { RETRY_SCHEDULE: "1s,1s" } });
    const { clock, receivers } = world;
    receivers.http.answer = () => new Response("busy", { status: 429, headers: { "retry-after": "3600" } });
    const id = await sendWebhook(world);
    await world.delivery(id, "webhook", "retrying");

    receivers.http.answer = () => new Response("ok");
    clock.step(hour - second);
    await world.sweep();
    expect(outcomes(await world.delivery(id, "webhook", "retrying"))).toEqual(["retry"]);
    clock.step(12 * minute + second); // A fifth beyond it, at most: so do those that were told the same.
    await world.sweep();

    expect(outcomes(await world.delivery(id, "webhook", "sent"))).toEqual(["retry", "sent"]);
  });

  test.each(stacks)("on %s, that is answered with 410 fails at once", async (stack) => {
    await using world = await createWorld({ stack });
    world.receivers.http.answer = () => new Response("gone", { status: 410 });
    const id = await sendWebhook(world);

    const failed = await world.delivery(id, "webhook", "failed");
    expect(failed.reason).toBe("gone");
    expect(outcomes(failed)).toEqual(["failed"]);
  });

  test.each(stacks)(
    "on %s, to an address that is private by now fails without being called",
    async (stack) => {
      await using world = await createWorld({ stack });
      const { receivers } = world;
      const profile = { webhook_url: receivers.http.url };
      expect((await world.client.call("PUT", "/v1/users/ana", profile)).status).toBe(200);
      await world.restart({ WEBHOOK_ALLOW_PRIVATE: "0" });
      const id = await world.client.send({ to: "ana", title: "Hello", body: "It works." });

      expect(await world.delivery(id, "webhook", "failed")).toMatchObject({ reason: "private_address" });
      expect(receivers.http.received).toHaveLength(0);
      expect(await world.client.notification(id)).toMatchObject({ status: "sent", reason: "some_failed" });
    },
  );
});

describe("an email", () => {
  test.each(stacks)("on %s, whose recipient is refused with 550 fails at once", async (stack) => {
    await using world = await createWorld({ stack });
    world.receivers.smtp.onRecipient = () => new SmtpRefusal(550, "5.1.1 no such user");
    const id = await sendEmail(world);

    const failed = await world.delivery(id, "email", "failed");
    expect(failed.reason).toBe("bad_address");
    expect(failed.attempts[0]?.answer).toContain("no such user");
    expect(outcomes(failed)).toEqual(["failed"]);
  });

  test.each(stacks)("on %s, whose recipient is refused with 450 is tried again", async (stack) => {
    await using world = await createWorld({ stack, env: { RETRY_SCHEDULE: "1m" } });
    const { clock, receivers } = world;
    receivers.smtp.onRecipient = () => new SmtpRefusal(450, "4.2.1 mailbox busy");
    const id = await sendEmail(world);
    await world.delivery(id, "email", "retrying");

    receivers.smtp.onRecipient = () => null;
    clock.step(2 * minute);
    await world.sweep();

    expect(outcomes(await world.delivery(id, "email", "sent"))).toEqual(["retry", "sent"]);
    expect(receivers.smtp.received).toHaveLength(1);
  });

  test.each(stacks)(
    "on %s, that gets no answer after its last byte may have arrived, and is repeated under its Message-ID",
    async (stack) => {
      await using world = await createWorld({ stack, env: { RETRY_SCHEDULE: "1m", SEND_TIMEOUT_MS: "300" } });
      const { clock, receivers } = world;
      receivers.smtp.onMail = () => "hang";
      const id = await sendEmail(world);
      await world.delivery(id, "email", "retrying");

      receivers.smtp.onMail = () => null;
      clock.step(2 * minute);
      await world.sweep();

      expect(outcomes(await world.delivery(id, "email", "sent"))).toEqual(["ambiguous", "sent"]);
      const ids = receivers.smtp.received.flatMap(({ headers }) => headers("message-id"));
      expect(ids).toHaveLength(2);
      expect(new Set(ids).size).toBe(1);
    },
  );

  test.each(stacks)("on %s, whose last attempt is uncertain says so when it fails", async (stack) => {
    await using world = await createWorld({ stack, env: { RETRY_SCHEDULE: "1m", SEND_TIMEOUT_MS: "300" } });
    const { clock, receivers } = world;
    receivers.smtp.onMail = () => "hang";
    const id = await sendEmail(world);
    await world.delivery(id, "email", "retrying");
    clock.step(2 * minute);
    await world.sweep();

    const failed = await world.delivery(id, "email", "failed");
    expect(failed.reason).toBe("ambiguous");
    expect(outcomes(failed)).toEqual(["ambiguous", "ambiguous"]);
  });
});
