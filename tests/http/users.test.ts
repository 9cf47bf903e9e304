/** Profiles: stored, merged under concurrency, and erased so that nothing personal is left. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { rowsOf } from "../../db/statement.ts";
import { type HttpSink, startHttpSink } from "../channels/sinks.ts";
import { eventually } from "../eventually.ts";
import { stacks } from "../stacks.ts";
import { aNotification, expectProblem, httpForAll, webhooksToHere } from "./service.ts";

describe.each(stacks)("on %s,", (stack) => {
  const service = httpForAll(webhooksToHere, stack);
  let sink: HttpSink;
  beforeAll(() => {
    sink = startHttpSink();
    // With the status in its path, and with what it was sent, as chatty ones do.
    sink.answer = ({ path, body }) => new Response(body, { status: Number(path.slice(1)) });
  });
  afterAll(() => sink[Symbol.asyncDispose]());

  const put = async (id: string, body: unknown) => (await service.call(`PUT /v1/users/${id}`, { body })).data;
  const get = async (id: string) => (await service.call(`GET /v1/users/${id}`)).data;
  const send = async (changes: Record<string, unknown>, headers: Record<string, string> = {}) =>
    (await service.call("POST /v1/notifications", { body: aNotification(changes), headers })).data;

  const whole = {
    email: "ana@example.com",
    phone: "+351912345678",
    webhook_url: "https://example.com/hook",
    name: "Ana Sousa",
    locale: "pt-PT",
    timezone: "Europe/Lisbon",
  };

  describe("a profile", () => {
    test("is stored as a whole: what is left out or null is emptied", async () => {
      const first = await put("ana", whole);
      expect(first).toMatchObject({ id: "ana", ...whole });
      const second = await put("ana", { name: "Ana", email: null });
      expect(second).toMatchObject({
        email: null,
        phone: null,
        webhook_url: null,
        name: "Ana",
        locale: null,
      });
      expect(second.created_at).toBe(first.created_at);
      expect(await get("ana")).toEqual(second);
    });

    test("that comes with a notification is merged: what is left out stays", async () => {
      await put("bob", { name: "Bob", email: "bob@example.com" });
      await send({ to: { user_id: "bob", phone: "+351912345678", email: null } });
      expect(await get("bob")).toMatchObject({
        name: "Bob",
        email: "bob@example.com",
        phone: "+351912345678",
      });
      await send({ to: "bob" });
      expect((await get("bob")).name).toBe("Bob");
    });

    test("is used as it is when the notification leaves", async () => {
      await put("cleo", { email: "old@example.com" });
      await put("cleo", { email: "new@example.com" });
      const { id } = await send({ to: "cleo", channels: ["email"] });
      await service.until(id, "sent");
      const { data } = await service.call("GET /v1/sandbox/messages");
      const kept = data.find((message: { notification_id: string }) => message.notification_id === id);
      expect(kept.address).toBe("new@example.com");
    });

    test("100 requests at once, each with another field, lose none", async () => {
      const fields = Object.entries(whole);
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, index) => {
          const [name = "", value] = fields[index % fields.length] ?? [];
          return service.call("POST /v1/notifications", {
            body: aNotification({ to: { user_id: "dora", [name]: value } }),
          });
        }),
      );
      expect(answers.every(({ status }) => status === 202)).toBe(true);
      expect(await get("dora")).toMatchObject(whole);
    });

    test("the same in one bulk request, where the later of two wins", async () => {
      const fields = Object.entries(whole);
      const notifications = [
        ...fields.map(([name, value]) => aNotification({ to: { user_id: "eva", [name]: value } })),
        aNotification({ to: { user_id: "eva", name: "Eva" } }),
      ];
      await service.call("POST /v1/notifications/bulk", { body: { notifications } });
      expect(await get("eva")).toMatchObject({ ...whole, name: "Eva" });
    });
  });

  describe("erasing a user", () => {
    /** Stands in every field that holds something personal. */
    const secret = "zz-personal-zz";

    /** Every row of every table that holds the secret, as text. */
    async function leftovers(): Promise<string[]> {
      const { orm } = service.app.db;
      const tables = rowsOf<{ name: string }>(
        await orm.execute(sql`select relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition`),
      );
      const found: string[] = [];
      for (const { name } of tables) {
        const rows = rowsOf<{ row: string }>(
          await orm.execute(
            sql`select t::text as row from ${sql.identifier(name)} t where t::text like ${`%${secret}%`}`,
          ),
        );
        found.push(...rows.map(({ row }) => `${name}: ${row}`));
      }
      return found;
    }

    test("leaves nothing personal anywhere, and cancels what was not sent", async () => {
      const hook = (status: number) => `${sink.url}/${status}`;
      const content = {
        title: `t ${secret}`,
        body: `b ${secret}`,
        data: { a: [secret] },
        metadata: { m: secret },
      };
      const to = { user_id: "zoe", name: secret, email: `${secret}@example.com` };
      const sendHook = (status: number) =>
        send({ ...content, to: { ...to, webhook_url: hook(status) }, channels: ["webhook"] });

      const sent = await send({ ...content, to }, { "idempotency-key": "erased-1" });
      await service.until(sent.id, "sent");
      const failed = await sendHook(410);
      await service.until(failed.id, "failed");
      const retrying = await sendHook(503);
      await eventually(async () => (await service.read(retrying.id)).deliveries[0]?.status === "retrying");
      const scheduled = await send({
        ...content,
        to: "zoe",
        send_at: new Date(Date.now() + 3_600_000).toISOString(),
      });
      const bystander = await send({ ...content, to: "yan", title: "t", body: "b", data: {}, metadata: {} });
      expect((await leftovers()).length).toBeGreaterThan(4);

      const { data } = await service.call("DELETE /v1/users/zoe");
      expect(data).toEqual({
        id: "zoe",
        erased: {
          profiles: 1,
          notifications: 4,
          deliveries_cancelled: 2,
          attempt_answers: expect.any(Number),
          archived_notifications: 0,
          sandbox_messages: 1,
        },
      });
      expect(data.erased.attempt_answers).toBeGreaterThan(0);
      expect(await leftovers()).toEqual([]);

      const cancelled = {
        status: "cancelled",
        reason: "user_erased",
        title: "",
        body: "",
        data: null,
        metadata: null,
      };
      expect(await service.read(scheduled.id)).toMatchObject(cancelled);
      expect(await service.read(retrying.id)).toMatchObject({
        ...cancelled,
        deliveries: [cancelledDelivery],
      });
      expect(await service.read(failed.id)).toMatchObject({
        status: "failed",
        title: "",
        deliveries: [cancelledDelivery],
      });
      expect(await service.read(sent.id)).toMatchObject({ status: "sent", title: "", deliveries: [{}, {}] });
      expect(await service.read(bystander.id)).toMatchObject({ title: "t" });
      expect((await service.call("GET /v1/deliveries?status=failed&user_id=zoe")).data).toEqual([]);
      expectProblem(await service.call(`POST /v1/deliveries/${failed.id}-webhook/replay`), "not_replayable");
      expectProblem(await service.call("GET /v1/users/zoe"), "user_not_found", /zoe/);
      expectProblem(await service.call("DELETE /v1/users/zoe"), "user_not_found");

      expect((await service.call("GET /v1/users/zoe/inbox")).data).toEqual([]);
      expect((await service.call("GET /v1/users/zoe/inbox?archived=true")).data).toEqual([]);
      expect((await service.call("GET /v1/users/zoe/inbox/count")).data).toMatchObject({
        total: 0,
        unread: 0,
      });
      const unarchive = { body: { archived: false } };
      expectProblem(
        await service.call(`PATCH /v1/users/zoe/inbox/${sent.id}`, unarchive),
        "notification_not_found",
      );

      const { orm } = service.app.db;
      const due = await orm.execute(
        sql`select 1 from due d join notifications n on n.id = d.notification_id where n.user_id = 'zoe'`,
      );
      expect(rowsOf(due)).toEqual([]);
    });

    const cancelledDelivery = { status: "cancelled", reason: "user_erased" };

    test("while something is being sent to them keeps no word of the answer", async () => {
      const erased = Promise.withResolvers<void>();
      await using slow = startHttpSink();
      slow.answer = async () => {
        await erased.promise;
        return new Response(secret, { status: 410 });
      };
      const to = { user_id: "xena", webhook_url: slow.url };
      const { id } = await send({ to, title: secret, channels: ["webhook"] });
      await slow.waitFor(1);
      await service.call("DELETE /v1/users/xena");
      erased.resolve();
      const closed = await service.until(id, "failed");
      expect(closed.deliveries[0]?.attempts).toMatchObject([{ outcome: "failed", answer: "" }]);
      expect(await leftovers()).toEqual([]);
      // Back with an address, they do not get what is left of it.
      await put("xena", { webhook_url: slow.url });
      await service.call(`POST /v1/deliveries/${id}-webhook/replay`);
      const replayed = await service.until(id, "skipped");
      expect(replayed.deliveries).toMatchObject([
        { status: "skipped", reason: "user_erased", attempts: [{}] },
      ]);
    });

    test("who never had a profile erases the notifications", async () => {
      const { id } = await send({ to: "guest", title: secret });
      await service.until(id, "sent");
      const { data } = await service.call("DELETE /v1/users/guest");
      expect(data.erased).toMatchObject({ profiles: 0, notifications: 1 });
      expect(await leftovers()).toEqual([]);
    });

    test("does not keep them from coming back", async () => {
      await put("phoenix", whole);
      await service.call("DELETE /v1/users/phoenix");
      const { id } = await send({ to: { user_id: "phoenix", email: "new@example.com" } });
      expect(await get("phoenix")).toMatchObject({ email: "new@example.com", name: null });
      await service.until(id, "sent");
    });
  });
});
