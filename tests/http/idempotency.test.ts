/** The same request again does nothing again, whoever repeats it, whenever, and however often at once. */
import { describe, expect, test } from "bun:test";
import { stacks } from "../stacks.ts";
import { type Answer, aNotification, expectFaults, expectProblem, httpForAll } from "./service.ts";

describe.each(stacks)("on %s,", (stack) => {
  const service = httpForAll({}, stack);

  const send = (idempotencyKey: string, body: unknown, key?: string): Promise<Answer> =>
    service.call("POST /v1/notifications", {
      body,
      headers: { "idempotency-key": idempotencyKey },
      ...(key ? { key } : {}),
    });
  const sendBulk = (idempotencyKey: string, notifications: unknown[]) =>
    service.call("POST /v1/notifications/bulk", {
      body: { notifications },
      headers: { "idempotency-key": idempotencyKey },
    });
  const isReplay = ({ headers }: Answer) => headers.get("idempotency-replayed") === "true";
  const countOf = async (user: string) =>
    (await service.call(`GET /v1/users/${user}/notifications?limit=100`)).data.length;

  test("1,000 equal requests at once make one notification", async () => {
    const body = aNotification({ to: { user_id: "crowd", name: "Crowd" } });
    const answers = await Promise.all(Array.from({ length: 1000 }, () => send("crowd-1", body)));

    const first = answers.filter((answer) => answer.status === 202 && !isReplay(answer));
    expect(first).toHaveLength(1);
    for (const answer of answers) {
      if (answer.status === 202) expect(answer.text).toBe(first[0]?.text ?? "none");
      else {
        expectProblem(answer, "idempotency_in_progress", /in a moment/);
        expect(answer.headers.get("retry-after")).toBe("1");
      }
    }
    expect(await countOf("crowd")).toBe(1);
    const again = await send("crowd-1", body);
    expect({ text: again.text, replay: isReplay(again) }).toEqual({
      text: first[0]?.text ?? "none",
      replay: true,
    });
  });

  test("1,000 different keys at once make 1,000 notifications", async () => {
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, index) => send(`each-${index}`, aNotification({ to: "many" }))),
    );
    expect(answers.every(({ status }) => status === 202)).toBe(true);
    expect(new Set(answers.map(({ data }) => data.id)).size).toBe(1000);
  });

  test("the first answer comes back as it was, however the notification went on", async () => {
    const body = aNotification({ to: "later" });
    const first = await send("later-1", body);
    await service.until(first.data.id, "sent");
    const again = await send("later-1", body);
    expect(again.text).toBe(first.text);
    expect(again.data.status).toBe("pending");
  });

  test("another body with the same key is refused, to the byte", async () => {
    await send("body-1", aNotification());
    for (const other of [aNotification({ title: "Other" }), `${JSON.stringify(aNotification())} `]) {
      expectProblem(await send("body-1", other), "idempotency_mismatch", /new key/);
    }
    expectProblem(await sendBulk("body-1", [aNotification()]), "idempotency_mismatch");
  });

  test("a bulk request is one request", async () => {
    const items = [aNotification({ to: "bulky" }), { to: "" }, aNotification({ to: "bulky" })];
    const first = await sendBulk("bulk-1", items);
    expect(first.data.map((item: object) => Object.keys(item)[0])).toEqual(["id", "error", "id"]);
    const again = await sendBulk("bulk-1", items);
    expect({ text: again.text, replay: isReplay(again) }).toEqual({ text: first.text, replay: true });
    expect(await countOf("bulky")).toBe(2);
    expectProblem(await sendBulk("bulk-1", items.slice(1)), "idempotency_mismatch");

    const nothing = await sendBulk("bulk-2", [1]);
    expect((await sendBulk("bulk-2", [1])).text).toBe(nothing.text);
  });

  test("a request that was refused leaves its key free", async () => {
    expectFaults(await send("free-1", aNotification({ title: "" })), { "#/title": /empty/ });
    expect((await send("free-1", aNotification())).status).toBe(202);
  });

  test("another project's key of the same name is another key, a test project's too", async () => {
    const body = aNotification({ to: "shared" });
    const own = await send("shared-1", body);
    for (const key of [
      await service.makeKey({ project: "other" }),
      await service.makeKey({ kind: "test" }),
    ]) {
      const foreign = await send("shared-1", body, key);
      expect(isReplay(foreign)).toBe(false);
      expect(foreign.data.id).not.toBe(own.data.id);
    }
  });

  test("it survives a restart", async () => {
    const body = aNotification({ to: "restarted" });
    const first = await send("restart-1", body);
    await service.restart();
    const again = await send("restart-1", body);
    expect({ text: again.text, replay: isReplay(again) }).toEqual({ text: first.text, replay: true });
    expect(await countOf("restarted")).toBe(1);
  });
});
