/** Lists: every item once in either direction, while others arrive, and filtered by what is asked. */
import { beforeAll, describe, expect, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { stacks } from "../stacks.ts";
import { aNotification, httpForAll } from "./service.ts";

describe.each(stacks)("on %s,", (stack) => {
  const service = httpForAll({}, stack);

  type Item = { id: string };
  const idsOf = (items: Item[]) => items.map(({ id }) => id);

  /** Ids from old to new. */
  async function sendMany(user: string, count: number): Promise<string[]> {
    const notifications = Array.from({ length: count }, () => aNotification({ to: user }));
    return idsOf((await service.call("POST /v1/notifications/bulk", { body: { notifications } })).data);
  }

  /** Follows a list's cursors to its end; `onPage` runs after each page. */
  async function follow(
    path: `/${string}`,
    direction: "next" | "previous",
    onPage: () => Promise<unknown> = async () => {},
    start: string | null = null,
  ): Promise<string[][]> {
    const pages: string[][] = [];
    const parameter = direction === "next" ? "after" : "before";
    for (let cursor = start; ; ) {
      const page = await service.call(`GET ${path}${cursor === null ? "" : `&${parameter}=${cursor}`}`);
      pages.push(idsOf(page.data));
      await onPage();
      cursor = page[direction];
      if (cursor === null) return pages;
    }
  }

  describe("pages", () => {
    test.each([1, 3, 7, 10, 11])("of %d lead to every item once, there and back", async (limit) => {
      const user = `pager_${limit}`;
      const sent = (await sendMany(user, 10)).reverse();
      const path = `/v1/users/${user}/notifications?limit=${limit}` as const;

      const there = await follow(path, "next");
      expect(there.flat()).toEqual(sent);
      expect(there.slice(0, -1).every((page) => page.length === limit)).toBe(true);

      const last = await lastPageOf(path);
      const back = await follow(path, "previous", undefined, last.previous);
      const seen = last.previous === null ? [last.data] : [...back.reverse(), idsOf(last.data)];
      if (last.previous !== null) expect(seen.flat()).toEqual(sent);
    });

    async function lastPageOf(path: string) {
      for (let cursor = ""; ; ) {
        const page = await service.call(`GET ${path as `/${string}`}${cursor}`);
        if (page.next === null) return page;
        cursor = `&after=${page.next}`;
      }
    }

    test("meet every item once while new ones arrive", async () => {
      const sent = (await sendMany("busy", 20)).reverse();
      const pages = await follow("/v1/users/busy/notifications?limit=3", "next", () => sendMany("busy", 2));
      expect(pages.flat()).toEqual(sent);
    });

    test("lead to what has arrived since", async () => {
      await sendMany("watched", 3);
      const page = await service.call("GET /v1/users/watched/notifications?limit=2");
      const older = await service.call(`GET /v1/users/watched/notifications?limit=2&after=${page.next}`);
      const arrived = await sendMany("watched", 3);
      const newer = await follow(
        "/v1/users/watched/notifications?limit=2",
        "previous",
        undefined,
        older.previous,
      );
      expect(newer.flat().toSorted()).toEqual([...idsOf(page.data), ...arrived].toSorted());
    });

    test("of nothing have no neighbours", async () => {
      const { data, next, previous } = await service.call("GET /v1/users/nobody/notifications");
      expect({ data, next, previous }).toEqual({ data: [], next: null, previous: null });
    });

    test("of deliveries tell apart the channels of one notification", async () => {
      const channels = ["email", "sms", "push", "inbox", "chat"];
      const body = { notifications: [1, 2, 3].map(() => aNotification({ to: "wide", channels })) };
      const { data } = await service.call("POST /v1/notifications/bulk", { body });
      const path = "/v1/deliveries?user_id=wide";
      await eventually(async () => (await service.call(`GET ${path}`)).data.length === 15);
      const expected = (data as Item[]).flatMap(({ id }) => channels.map((channel) => `${id}-${channel}`));
      for (const limit of [1, 4, 15]) {
        const there = (await follow(`${path}&limit=${limit}`, "next")).flat();
        expect(there).toEqual(expected.toSorted().reverse());
      }
    });

    test("of an inbox", async () => {
      const sent = (await sendMany("reader", 7)).reverse();
      await eventually(async () => (await service.call("GET /v1/users/reader/inbox")).data.length === 7);
      expect((await follow("/v1/users/reader/inbox?limit=2", "next")).flat()).toEqual(sent);
    });
  });

  describe("filters", () => {
    let ids: Record<string, string>;
    beforeAll(async () => {
      const inputs = {
        text: { metadata: { order: "42", kind: "a" }, priority: "high" },
        number: { metadata: { order: 42, kind: "b" }, channels: ["inbox"] },
        fraction: { metadata: { order: 42.5 }, channels: ["sms"] },
        flag: { metadata: { paid: true, "dotted.key-1": "x y&z=ü" } },
        none: { send_at: new Date(Date.now() + 3_600_000).toISOString() },
      };
      const notifications = Object.values(inputs).map((changes) =>
        aNotification({ to: "filtered", ...changes }),
      );
      const { data } = await service.call("POST /v1/notifications/bulk", { body: { notifications } });
      ids = Object.fromEntries(Object.keys(inputs).map((name, index) => [name, data[index].id]));
      await eventually(
        async () =>
          (await service.call("GET /v1/users/filtered/notifications?status=sent")).data.length === 3,
      );
    });

    test.each([
      ["metadata.order=42", ["text", "number"]],
      ["metadata.order=42.5", ["fraction"]],
      ["metadata.order=42&metadata.kind=b", ["number"]],
      ["metadata.paid=true", ["flag"]],
      ["metadata.paid=false", []],
      ["metadata.paid=1", []],
      ["metadata.dotted.key-1=x+y%26z%3D%C3%BC", ["flag"]],
      ["metadata.order=42%27%20or%201%3D1--", []],
      ["metadata.constructor=x", []],
      ["priority=high", ["text"]],
      ["status=scheduled", ["none"]],
      ["status=skipped", ["fraction"]],
      ["channel=sms", ["fraction"]],
      ["channel=inbox&status=sent", ["text", "number", "flag"]],
      ["created_before=2020-01-01T00:00:00Z", []],
      ["created_after=2020-01-01T00:00:00Z&priority=high", ["text"]],
      ["created_after=2999-01-01T00:00:00Z", []],
    ])("?%s", async (query, names) => {
      for (const path of [
        "/v1/users/filtered/notifications?",
        "/v1/notifications?user_id=filtered&",
      ] as const) {
        const { data } = await service.call(`GET ${path}${query}`);
        expect(idsOf(data).sort()).toEqual(names.map((name) => ids[name] ?? name).sort());
      }
    });

    test("created_after takes in, created_before leaves out", async () => {
      const { data } = await service.call(`GET /v1/notifications/${ids.text}`);
      const at = encodeURIComponent(data.created_at);
      const after = await service.call(`GET /v1/users/filtered/notifications?created_after=${at}`);
      const before = await service.call(`GET /v1/users/filtered/notifications?created_before=${at}`);
      expect(idsOf(after.data)).toContain(data.id);
      expect(idsOf(before.data)).not.toContain(data.id);
    });

    test("deliveries by status, channel and user", async () => {
      const of = async (query: string) => (await service.call(`GET /v1/deliveries?${query}`)).data as Item[];
      expect(idsOf(await of("user_id=filtered&channel=sms"))).toEqual([`${ids.fraction}-sms`]);
      expect(idsOf(await of("user_id=filtered&status=skipped"))).toEqual([`${ids.fraction}-sms`]);
      expect(await of("user_id=filtered&status=sent")).toHaveLength(3);
      expect(await of("status=failed")).toEqual([]);
    });
  });
});
