/** Notifications through the API: one, many, and taking them back. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type HttpSink, startHttpSink } from "../channels/sinks.ts";
import { eventually } from "../eventually.ts";
import { stacks } from "../stacks.ts";
import { aNotification, expectProblem, httpForAll, webhooksToHere } from "./service.ts";

describe.each(stacks)("on %s,", (stack) => {
  const service = httpForAll(webhooksToHere, stack);
  let sink: HttpSink;
  beforeAll(() => {
    sink = startHttpSink();
    sink.answer = ({ path }) => new Response(null, { status: Number(path.slice(1)) }); // The one in its path.
  });
  afterAll(() => sink[Symbol.asyncDispose]());

  const send = async (changes: Record<string, unknown> = {}) =>
    (await service.call("POST /v1/notifications", { body: aNotification(changes) })).data;
  const cancel = (id: string) => service.call(`POST /v1/notifications/${id}/cancel`);
  /** Sent to a webhook whose receiver gives this answer. */
  const sendToWebhook = (status: number, changes: Record<string, unknown> = {}) =>
    send({
      to: { user_id: `hook_${status}`, webhook_url: `${sink.url}/${status}` },
      channels: ["webhook"],
      ...changes,
    });
  const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

  test("a notification is answered once it is stored, and can be read back as it was sent", async () => {
    const input = {
      to: { user_id: "ana", email: "ana@example.com", locale: "pt-PT", timezone: "Europe/Lisbon" },
      title: "Olá 🔔 <b>",
      body: "Zwei\nZeilen\t“ü”",
      channels: ["email", "inbox", "email"],
      priority: "critical",
      data: { deep: { list: [1, null, true, "x"] } },
      metadata: { order: 42, paid: true, note: "a b" },
      expires_at: inAnHour(),
    };
    const accepted = await send(input);
    expect(accepted).toMatchObject({ status: "pending", user_id: "ana", channels: ["email", "inbox"] });

    const { title, body, priority, data, metadata, expires_at } = input;
    const stored = await service.until(accepted.id, "sent");
    expect(stored).toMatchObject({ title, body, priority, data, metadata, expires_at, send_at: null });
    expect(stored.created_at).toBe(accepted.created_at);
    expect(stored.deliveries).toMatchObject([
      { id: `${accepted.id}-email`, status: "sent", attempts: [{ provider: "sandbox", outcome: "sent" }] },
      { id: `${accepted.id}-inbox`, status: "sent", attempts: [{ provider: "inbox", outcome: "sent" }] },
    ]);
  });

  test("what is for the inbox alone is in it with its answer", async () => {
    const inboxOf = async (user: string) => (await service.call(`GET /v1/users/${user}/inbox`)).data;
    const accepted = await send({ to: "reader", channels: ["inbox", "inbox"] });
    expect(await inboxOf("reader")).toMatchObject([{ id: accepted.id }]);
    expect(accepted).toMatchObject({ status: "sent", channels: ["inbox"] });
    expect(await service.read(accepted.id)).toMatchObject({
      status: "sent",
      reason: null,
      deliveries: [{ channel: "inbox", status: "sent", attempts: [{ provider: "inbox", outcome: "sent" }] }],
    });
    expectProblem(await cancel(accepted.id), "not_cancellable");

    const asked = [
      { to: { user_id: "many", email: "many@example.com" }, channels: ["inbox"] },
      { to: "many", channels: ["inbox", "sms"] },
      { to: "many", channels: ["inbox"], send_at: inAnHour() },
      { to: "many", channels: ["inbox"], expires_at: "2020-01-01T00:00:00Z" },
      { to: "many", channels: ["inbox"], priority: "low", expires_at: inAnHour() },
    ];
    const body = { notifications: asked.map(aNotification) };
    const { data } = await service.call("POST /v1/notifications/bulk", { body });
    expect(data.map(({ status }: { status: string }) => status)).toEqual([
      "sent",
      "pending",
      "scheduled",
      "pending",
      "sent",
    ]);
    const there = (await inboxOf("many")).map(({ id }: { id: string }) => id);
    expect(there).toEqual(expect.arrayContaining([data[0].id, data[4].id]));
    expect(there).not.toContain(data[2].id);
  });

  test("a channel that the user has no address for is skipped with its reason", async () => {
    const { id } = await send({ to: "nameless", channels: ["sms", "inbox"] });
    const { deliveries } = await service.until(id, "sent");
    expect(deliveries).toMatchObject([
      { channel: "inbox", status: "sent" },
      { channel: "sms", status: "skipped", reason: "no_address", attempts: [] },
    ]);
    expect(deliveries[1].reason_detail).toMatch(/no address/);
  });

  test("every notification that is closed is counted by its status, wherever it was closed", async () => {
    const countOf = async (status: string) => {
      const { text } = await service.call("GET /metrics");
      return Number(
        new RegExp(`^carillon_notifications_closed_total\\{status="${status}"\\} (\\d+)$`, "m").exec(
          text,
        )?.[1] ?? 0,
      );
    };
    const statuses = ["sent", "skipped", "cancelled", "failed"];
    const before = await Promise.all(statuses.map(countOf));
    await service.until((await send({ channels: ["inbox"] })).id, "sent");
    await service.until((await send({ channels: ["sms"] })).id, "skipped");
    await cancel((await send({ send_at: inAnHour() })).id);
    await service.until((await sendToWebhook(410)).id, "failed");
    const after = await eventually(async () => {
      const now = await Promise.all(statuses.map(countOf));
      return now.every((count, index) => count > (before[index] ?? 0)) && now;
    });
    expect(after).toEqual(before.map((count) => count + 1));
  });

  describe("in bulk", () => {
    const bulk = async (notifications: unknown[]) =>
      (await service.call("POST /v1/notifications/bulk", { body: { notifications } })).data;

    test("the answer keeps the order, and a bad item fails none of its neighbours", async () => {
      const bad: [unknown, string, RegExp][] = [
        [{}, "validation_failed", /notifications\/1\/to is missing/],
        ["x", "validation_failed", /must be of type object/],
        [null, "validation_failed", /must be of type object/],
        [aNotification({ title: "a\0" }), "validation_failed", /NUL/],
        [aNotification({ colour: 1 }), "validation_failed", /colour is not a field/],
        [aNotification({ send_at: "2999-01-01T00:00:00Z" }), "validation_failed", /year ahead/],
        [
          aNotification({ to: { user_id: "a", webhook_url: "ftp://x" } }),
          "validation_failed",
          /http or https/,
        ],
        [JSON.parse(`{"data": ${"[".repeat(40)}${"]".repeat(40)}}`), "json_too_deep", /32 levels/],
        [JSON.parse('{"__proto__": {}}'), "validation_failed", /__proto__/],
      ];
      const items = bad.flatMap(([item], index) => [aNotification({ title: `good ${index}` }), item]);
      const answers = await bulk(items);

      expect(answers).toHaveLength(items.length);
      for (const [index, [, code, detail]] of bad.entries()) {
        const good = answers[2 * index];
        expect((await service.read(good.id)).title).toBe(`good ${index}`);
        const { error } = answers[2 * index + 1];
        expect(error.code).toBe(code);
        // Each is at its own place in the list.
        expect(error.detail).toMatch(index === 0 ? detail : new RegExp(detail.source.replace("/1/", "/")));
        for (const { pointer } of error.errors ?? []) {
          expect(pointer).toMatch(new RegExp(`^#/notifications/${2 * index + 1}(/|$)`));
        }
      }
    });

    test("nothing but bad items is answered all the same", async () => {
      const answers = await bulk([1, 2]);
      expect(answers.map(({ error }: { error: { status: number } }) => error.status)).toEqual([422, 422]);
    });

    test("a thousand keep their order", async () => {
      const items = Array.from({ length: 1000 }, (_, index) => aNotification({ to: `bulk_${index}` }));
      const ids = (await bulk(items)).map(({ id }: { id: string }) => id);
      expect(ids.toSorted()).toEqual(ids);
      expect((await service.read(ids[0])).user_id).toBe("bulk_0");
      expect((await service.read(ids[999])).user_id).toBe("bulk_999");
    });
  });

  describe("taking back", () => {
    test("what is scheduled", async () => {
      const { id, status } = await send({ send_at: inAnHour() });
      expect(status).toBe("scheduled");
      const { data } = await cancel(id);
      expect(data).toMatchObject({ status: "cancelled", reason: "cancelled", deliveries: [] });
      expect((await cancel(id)).data.status).toBe("cancelled");
    });

    test("what waits for its next attempt", async () => {
      const { id } = await sendToWebhook(503);
      await eventually(async () => (await service.read(id)).deliveries[0]?.status === "retrying");
      const { data } = await cancel(id);
      expect(data).toMatchObject({
        status: "cancelled",
        deliveries: [{ status: "cancelled", reason: "cancelled" }],
      });
      expect(data.deliveries[0].attempts).toHaveLength(1);
    });

    test("but not what was sent, failed or was skipped", async () => {
      const sent = await send();
      await service.until(sent.id, "sent");
      expectProblem(await cancel(sent.id), "not_cancellable", /is sent/);
      const failed = await sendToWebhook(410);
      await service.until(failed.id, "failed");
      expectProblem(await cancel(failed.id), "not_cancellable", /is failed/);
      const skipped = await send({ to: "nobody", channels: ["email"] });
      await service.until(skipped.id, "skipped");
      expectProblem(await cancel(skipped.id), "not_cancellable", /is skipped/);
    });
  });

  describe("dead letters", () => {
    const failedOnes = async () => (await service.call("GET /v1/deliveries?status=failed&limit=100")).data;

    test("are listed, sent again, and leave the list", async () => {
      const { id } = await sendToWebhook(410);
      await service.until(id, "failed");
      const [letter] = (await failedOnes()).filter(
        (one: { notification_id: string }) => one.notification_id === id,
      );
      expect(letter).toMatchObject({ id: `${id}-webhook`, status: "failed", reason: "gone" });

      await service.call("PUT /v1/users/hook_410", { body: { webhook_url: `${sink.url}/204` } });
      const { data, status } = await service.call(`POST /v1/deliveries/${letter.id}/replay`);
      expect(status).toBe(202);
      expect(data).toMatchObject({ status: "queued", reason: null });
      const sent = await service.until(id, "sent");
      expect(sent.deliveries[0].attempts.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
        "failed",
        "sent",
      ]);
      expect((await failedOnes()).map((one: { id: string }) => one.id)).not.toContain(letter.id);
    });

    test("only what failed can be sent again", async () => {
      const { id } = await send();
      await service.until(id, "sent");
      expectProblem(
        await service.call(`POST /v1/deliveries/${id}-inbox/replay`),
        "not_replayable",
        /is sent/,
      );
      expectProblem(await service.call(`POST /v1/deliveries/${id}-email/replay`), "delivery_not_found");
    });
  });
});
