/** The export: all that the list would show, in the memory of a batch, as fast as it is read. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../eventually.ts";
import {
  ask,
  authorization,
  countingRows,
  type Exports,
  exportsOf,
  fill,
  longestStandMs,
  path,
  readAll,
  settled,
} from "./exports.ts";
import { aNotification, expectFaults, expectProblem, httpForAll } from "./service.ts";

setDefaultTimeout(120_000);

describe.each(["embedded", "PostgreSQL"] as const)("on %s, it", (stack) => {
  const service = httpForAll({}, stack);
  let exports: Exports;
  const underWay = () => exports.count();
  beforeAll(() => {
    exports = exportsOf(service);
  });

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
    /** However many rows there are: statistics and the collector take up to 0.13 s of this thread, a batch 5 ms; all rows at once 0.5 s. */
    const standMaxMs = 250;
    beforeAll(() => fill(service, "many", count));

    test("is read whole, in the memory of a batch", async () => {
      await fill(service, "some", count / 10);
      const few = await readAll(service, "user_id=some");
      const many = await readAll(service, "user_id=many");
      expect([few.lines, many.lines]).toEqual([count / 10, count]);
      expect(many.bytes).toBeGreaterThan(1000 * count);
      expect(many.peakMb - few.peakMb).toBeLessThan(growthMaxMb);
      expect(await underWay()).toBe(0);
    });

    test("lets others be answered while it is read, from its first row on", async () => {
      let under = true;
      let answered = 0;
      const standMs = await longestStandMs(async () => {
        const read = readAll(service, "priority=normal").finally(() => {
          under = false;
        });
        while (under) {
          expect((await service.call("GET /v1/notifications?user_id=some")).status).toBe(200);
          answered += 1;
        }
        expect((await read).lines).toBeGreaterThan(count);
      });
      expect(answered).toBeGreaterThan(10);
      expect(standMs).toBeLessThan(standMaxMs);
    });

    test("waits for who reads slowly, and ends with who goes away", async () => {
      await countingRows(service, async (fetched) => {
        const socket = ask(service, "user_id=many");
        const ahead = await settled(fetched);
        expect(ahead).toBeLessThan(aheadMaxRows);
        expect(await underWay()).toBe(1);

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
        await eventually(async () => (await underWay()) === 0);
        const last = await settled(fetched);
        expect(last).toBeLessThan(count);
      });
    });

    test("breaks off audibly where the database fails under way", async () => {
      const socket = ask(service, "user_id=many");
      await eventually(async () => (await underWay()) === 1);
      await exports.breakOne();
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
      await eventually(async () => (await underWay()) === 4);
      const refused = await service.call(`GET ${path}`);
      expectProblem(refused, "too_many_exports");
      expect(refused.headers.get("retry-after")).toBe("10");
      for (const socket of sockets) socket.destroy();
      await eventually(async () => (await service.call(`GET ${path}?user_id=nobody`)).status === 200);
      await eventually(async () => (await underWay()) === 0);
    });

    test("opens nothing for who asks for the head alone", async () => {
      const headers = authorization(service);
      const answer = await fetch(`${service.url}${path}`, { method: "HEAD", headers });
      expect(answer.status).toBe(200);
      expect(await underWay()).toBe(0);
    });
  });
});
