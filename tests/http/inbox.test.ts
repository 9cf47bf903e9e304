/** A user's inbox: what is in it, what a badge counts, and what was seen, read and put away. */
import { describe, expect, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { stacks } from "../stacks.ts";
import { aNotification, expectFaults, httpForAll } from "./service.ts";

describe.each(stacks)("on %s,", (stack) => {
  const service = httpForAll({}, stack);

  /** An inbox of its own with so many items; their ids from new to old. */
  async function anInbox(user: string, items: number): Promise<string[]> {
    const notifications = Array.from({ length: items }, (_, index) =>
      aNotification({ to: user, title: `Item ${index}`, data: { index } }),
    );
    const { data } = await service.call("POST /v1/notifications/bulk", { body: { notifications } });
    await eventually(async () => (await count(user)).total === items);
    return data.map(({ id }: { id: string }) => id).reverse();
  }

  const count = async (user: string) => (await service.call(`GET /v1/users/${user}/inbox/count`)).data;
  const list = async (user: string, query = "") =>
    (await service.call(`GET /v1/users/${user}/inbox${query}`)).data.map(({ id }: { id: string }) => id);
  const mark = async (user: string, id: string, body: Record<string, unknown>) =>
    (await service.call(`PATCH /v1/users/${user}/inbox/${id}`, { body })).data;
  const markAll = async (user: string, body: Record<string, unknown>) =>
    (await service.call(`POST /v1/users/${user}/inbox/mark-all`, { body })).data.marked;

  test("holds what was sent, with its content", async () => {
    const [id] = await anInbox("ana", 1);
    const { data } = await service.call("GET /v1/users/ana/inbox");
    expect(data).toMatchObject([
      { id, title: "Item 0", data: { index: 0 }, seen_at: null, read_at: null, archived_at: null },
    ]);
  });

  test("counts what was not seen and not read", async () => {
    const [first = "", second = ""] = await anInbox("bob", 3);
    expect(await count("bob")).toEqual({ total: 3, unseen: 3, unread: 3 });
    await mark("bob", first, { seen: true });
    expect(await count("bob")).toEqual({ total: 3, unseen: 2, unread: 3 });
    await mark("bob", second, { read: true });
    expect(await count("bob")).toEqual({ total: 3, unseen: 1, unread: 2 });
    expect(await list("bob", "?unread=true")).toHaveLength(2);
  });

  test("what was read was seen; what is no longer seen is no longer read", async () => {
    const [id = ""] = await anInbox("cleo", 1);
    const read = await mark("cleo", id, { read: true });
    expect(read.seen_at).toBe(read.read_at);
    expect(await mark("cleo", id, { read: false })).toMatchObject({ seen_at: read.seen_at, read_at: null });
    await mark("cleo", id, { read: true });
    expect(await mark("cleo", id, { seen: false })).toMatchObject({ seen_at: null, read_at: null });
  });

  test("a mark keeps its first time, until it is taken back", async () => {
    const [id = ""] = await anInbox("dora", 1);
    const first = await mark("dora", id, { seen: true });
    await mark("dora", id, { archived: true });
    expect((await mark("dora", id, { seen: true, archived: true })).seen_at).toBe(first.seen_at);
    expect(await mark("dora", id, { seen: false, archived: false })).toMatchObject({
      seen_at: null,
      archived_at: null,
    });
  });

  test("what is archived leaves the list and the counts, and has a list of its own", async () => {
    const [first = "", second = ""] = await anInbox("eva", 2);
    await mark("eva", first, { archived: true });
    expect(await list("eva")).toEqual([second]);
    expect(await list("eva", "?archived=true")).toEqual([first]);
    expect(await count("eva")).toEqual({ total: 1, unseen: 1, unread: 1 });
    await mark("eva", first, { archived: false });
    expect(await list("eva")).toEqual([first, second]);
  });

  test("everything is marked at once, and counts what that changed", async () => {
    const [first = ""] = await anInbox("finn", 3);
    await mark("finn", first, { read: true });
    expect(await markAll("finn", { seen: true })).toBe(2);
    expect(await markAll("finn", { seen: true })).toBe(0);
    expect(await markAll("finn", { read: true })).toBe(2);
    expect(await count("finn")).toEqual({ total: 3, unseen: 0, unread: 0 });
    expect(await markAll("finn", { archived: true })).toBe(3);
    expect(await list("finn")).toEqual([]);
    expect(await markAll("finn", { archived: true })).toBe(0);
  });

  test("marking everything touches nobody else's", async () => {
    await anInbox("gus", 1);
    await anInbox("hal", 1);
    await markAll("gus", { read: true });
    expect(await count("hal")).toEqual({ total: 1, unseen: 1, unread: 1 });
  });

  test("marks that are none are refused", async () => {
    const [id = ""] = await anInbox("ida", 1);
    const patch = (body: unknown) => service.call(`PATCH /v1/users/ida/inbox/${id}`, { body });
    expectFaults(await patch({}), { "#": /must set seen, read or archived/ });
    expectFaults(await patch({ read: "yes" }), { "#/read": /boolean/ });
    expectFaults(await patch({ clicked: true }), { "#/clicked": /not a field/, "#": /must set/ });
    const all = (body: unknown) => service.call("POST /v1/users/ida/inbox/mark-all", { body });
    expectFaults(await all({}), { "#": /must set/ });
    expectFaults(await all({ read: false }), { "#/read": /must be true/ });
    expectFaults(await service.call("GET /v1/users/ida/inbox?archived=1"), {
      archived: /one of "true", "false"/,
    });
  });

  test("a user nobody knows has an empty inbox", async () => {
    expect(await list("nobody")).toEqual([]);
    expect(await count("nobody")).toEqual({ total: 0, unseen: 0, unread: 0 });
  });
});
