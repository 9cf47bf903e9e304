/** Two processes on one database know of each other's changes, with a cache between them or without. */
import { describe, expect, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { newAdminKey, startService } from "../process.ts";
import { openStack, type StackName, servers } from "../stacks.ts";
import { tempFolder } from "../temp-folder.ts";
import { createClient } from "./client.ts";
import { arrivals, startReceivers } from "./receivers.ts";

/** Between a commit and the moment when the other process has heard of it. */
const heardWithinMs = 1000;

/** Kafka without Redis as well: there, whoever plans a notification is another process that remembers by itself. */
const places = [
  ...servers.map((name) => ({ name, redis: true })),
  { name: "PostgreSQL, Redis and Kafka", redis: false },
] as const;

describe.each(places)("two processes on $name (Redis: $redis)", ({ name, redis }) => {
  test("a key revoked by one is refused by the other, and a profile changed by one is used by the other", async () => {
    await using two = await startTwo(name, redis);
    const { here, there, receivers } = two;

    const made = await here.call<{ id: string; secret: string }>("POST", "/v1/keys", {
      name: "short-lived",
      scopes: ["read"],
    });
    const guest = there.as(made.data.secret);
    expect((await guest.call("GET", "/v1/notifications")).status).toBe(200);
    expect((await here.call("DELETE", `/v1/keys/${made.data.id}`)).status).toBe(200);
    await eventually(async () => (await guest.call("GET", "/v1/notifications")).status === 401, {
      timeoutMs: heardWithinMs,
    });

    // The other one remembers that Ana has no address, until it hears of one.
    const plain = { to: "ana", title: "Hello", body: "It works." };
    await there.send(plain);
    const put = await here.call("PUT", "/v1/users/ana", { webhook_url: receivers.http.url });
    expect(put.status).toBe(200);
    await eventually(
      async () => {
        const id = await there.send(plain);
        const { deliveries } = await eventually(async () => {
          const detail = await there.notification(id);
          return ["sent", "skipped"].includes(detail.status) && detail;
        });
        return deliveries.some(({ channel }) => channel === "webhook");
      },
      { timeoutMs: heardWithinMs + 5000 },
    );
  });

  test("an address that comes along with a notification is used at once, whatever anybody remembers", async () => {
    await using two = await startTwo(name, redis);
    const clients = [two.here, two.there];
    const { receivers } = two;
    const names = Array.from({ length: 50 }, (_, nth) => `user-${nth}`);
    const hello = { title: "Hello", body: "It works." };
    // Whoever plans these remembers that nobody has an address.
    const before = await Promise.all(
      clients.flatMap((client) => names.map((to) => client.send({ ...hello, to }))),
    );
    await eventually(async () => {
      const found = await Promise.all(before.map((id) => two.here.notification(id)));
      return found.every((detail) => detail.status === "sent");
    });

    const ids = await Promise.all(
      names.map((user_id, nth) =>
        clients[nth % 2]?.send({ ...hello, to: { user_id, webhook_url: receivers.http.url } }),
      ),
    );

    await receivers.http.waitFor(names.length);
    expect([...arrivals(receivers.http.received).keys()].sort()).toEqual(ids.map((id) => id ?? "").sort());
  });
});

test("two processes that share a Redis count a key's requests against one limit", async () => {
  const limit = 6;
  await using two = await startTwo("PostgreSQL, Redis and Kafka", true, {
    RATE_LIMIT_PER_MINUTE: String(limit),
  });
  const { here, there } = two;
  const list = async (nth: number) =>
    (await (nth % 2 === 0 ? here : there).call("GET", "/v1/notifications")).status;

  for (let nth = 0; nth < limit; nth += 1) expect(await list(nth)).toBe(200);
  expect([await list(0), await list(1)]).toEqual([429, 429]);
});

/** Two processes with the same settings, and their callers. */
async function startTwo(name: StackName, redis: boolean, settings: Record<string, string> = {}) {
  const parts = new AsyncDisposableStack();
  const folder = parts.use(tempFolder());
  const stack = parts.use(await openStack(name));
  const receivers = parts.use(await startReceivers());
  const key = newAdminKey();
  const env = {
    ...stack.env,
    ...(redis ? {} : { REDIS_URL: "" }),
    ...receivers.env,
    ADMIN_KEY: key,
    RATE_LIMIT_PER_MINUTE: "0",
    ...settings,
  };
  const start = async () => {
    const service = parts.use(startService({ cwd: folder.path, env }));
    await service.ready;
    return createClient({ url: service.url, key });
  };
  const here = await start();
  const there = await start();
  return { here, there, receivers, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}
