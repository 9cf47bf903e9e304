/** The export: all that the list would show, in the memory of a batch, as fast as it is read. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { ask, authorization, countingRows, cursorsOf, fill, path, readAll, settled } from "./exports.ts";
import { aNotification, expectFaults, expectProblem, httpForAll } from "./service.ts";

setDefaultTimeout(120_000);

describe.each(["embedded", "PostgreSQL"] as const)("on %s, it", (stack) => {
  const service = httpForAll({}, stack);
  const openCursors = () => cursorsOf(service).count();

  describe("gives what the list gives, from old to new:", () => {
    beforeAll(async () => {
      const inputs = [
        { metadata: { order: 42 }, data: { nested: { list: [1.5, null, "ü\n\u2028"] } }, priority: "high" },
        { channels: ["inbox"], expires_at: new Date(Date.now() + 86_400_000).toISOString() },
        { channels: ["sms"] },
        { send_at: new Date(Date.now() + 3_600_000).toISOString() },
      ];
      const notifications = inputs.map((changes) => aNotification({ to: "ana", ...changes }));
      await service.call("POST /v1/notifications/bulk", { body: { notifications } });
      await eventually(
        async () => (await service.call("GET /v1/notifications?status=sent&user_id=ana")).data.length === 2,
      );
    });

    test.each([
      "",
      "&status=scheduled",
      "&channel=sms",
      "&priority=high",
      "&metadata.order=42",
      "&metadata.order=43",
    ])("user_id=ana%s", async (filter) => {
      const listed = await service.call(`GET /v1/notifications?user_id=ana${filter}`);
      const { status, headers, data } = await service.call(`GET ${path}?user_id=ana${filter}`);
      expect(status).toBe(200);
      expect(data).toEqual(listed.data.reverse());
      expect(headers.get("content-type")).toBe("application/x-ndjson");
      expect(headers.get("content-disposition")).toBe('attachment; filename="notifications.ndjson"');
    });

    test("nothing where there is nothing, and nothing of another project", async () => {
      const other = await service.makeKey({ project: "other", scopes: ["read"] });
      expect((await service.call(`GET ${path}`, { key: other })).text).toBe("");
    });

    test("and takes no page", async () => {
      expectFaults(await service.call(`GET ${path}?limit=10`), { limit: /known/ });
      const sender = await service.makeKey({ scopes: ["send"] });
      expectProblem(await service.call(`GET ${path}`, { key: sender }), "scope_missing");
    });
  });

  describe("of many", () => {
    const count = 100_000;
    /** What Bun, the system's socket buffers and the batches under way hold of an answer that nobody reads. */
    const aheadMaxRows = 20_000;
    /** How much more than by ten thousand rows this process, client and database in it, may grow by all of them. */
    const growthMaxMb = 96;
    beforeAll(() => fill(service, "many", count));

    test("is read whole, in the memory of a batch", async () => {
      await fill(service, "some", count / 10);
      const few = await readAll(service, "some");
      const many = await readAll(service, "many");
      expect([few.lines, many.lines]).toEqual([count / 10, count]);
      expect(many.bytes).toBeGreaterThan(1000 * count);
      expect(many.peakMb - few.peakMb).toBeLessThan(growthMaxMb);
      expect(await openCursors()).toBe(0);
    });

    test("waits for who reads slowly, and ends with who goes away", async () => {
      await countingRows(service, async (fetched) => {
        const socket = ask(service, "user_id=many");
        const ahead = await settled(fetched);
        expect(ahead).toBeLessThan(aheadMaxRows);
        expect(await openCursors()).toBe(1);

        // Goes on where it stopped: reads a part, and no more than that is fetched.
        let read = 0;
        socket.on("data", (bytes) => {
          read += bytes.length;
        });
        socket.resume();
        await eventually(() => read > 10_000_000);
        socket.pause();
        expect(await settled(fetched)).toBeLessThan(count);

        socket.destroy();
        await eventually(async () => (await openCursors()) === 0);
        const last = await settled(fetched);
        expect(last).toBeLessThan(count);
      });
    });

    test("breaks off audibly where the database fails under way", async () => {
      const socket = ask(service, "user_id=many");
      await eventually(async () => (await openCursors()) === 1);
      await cursorsOf(service).breakOne();
      let text = "";
      socket.on("data", (bytes) => {
        text += bytes.toString("latin1");
      });
      socket.resume();
      await new Promise((resolve) => socket.on("close", resolve));
      expect(text).toStartWith("HTTP/1.1 200 OK\r\n");
      // The chunk of no length that ends an answer (RFC 9112 §7.1) is missing.
      expect(text).not.toEndWith("0\r\n\r\n");
    });

    test("is refused while too many run, and taken again when one ends", async () => {
      const sockets = Array.from({ length: 4 }, () => ask(service, "user_id=many"));
      await eventually(async () => (await openCursors()) === 4);
      const refused = await service.call(`GET ${path}`);
      expectProblem(refused, "too_many_exports");
      expect(refused.headers.get("retry-after")).toBe("10");
      for (const socket of sockets) socket.destroy();
      await eventually(async () => (await service.call(`GET ${path}?user_id=nobody`)).status === 200);
      await eventually(async () => (await openCursors()) === 0);
    });

    test("opens nothing for who asks for the head alone", async () => {
      const headers = authorization(service);
      const answer = await fetch(`${service.url}${path}`, { method: "HEAD", headers });
      expect(answer.status).toBe(200);
      expect(await openCursors()).toBe(0);
    });
  });
});
