/** The partitions of the tables that grow: made before they are needed, dropped when they are old. */
import { expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { rowsOf } from "../../db/statement.ts";
import { iso } from "../../src/pipeline/time.ts";
import type { ListedNotification } from "../process/client.ts";
import { day, hour, minute } from "./clock.ts";
import { createWorld, type World } from "./world.ts";

/** What a table has partitions for, oldest first, as their names say it. */
async function periodsOf({ app }: World, table: string): Promise<string[]> {
  const rows = rowsOf<{ name: string }>(
    await app.db.orm.execute(sql`
      select relname as name from pg_inherits join pg_class on pg_class.oid = inhrelid
      where inhparent = ${table}::regclass and relname !~ '_default$' order by relname`),
  );
  return rows.map(({ name }) => name.slice(table.length + 1));
}

const inDefault = async ({ app }: World) =>
  rowsOf<{ count: number }>(
    await app.db.orm.execute(sql`
      select ((select count(*) from notifications_default) + (select count(*) from deliveries_default)
        + (select count(*) from attempts_default))::int as count`),
  )[0]?.count;

/** A day each, where they are kept for no longer. */
const byDay = { RETENTION_DAYS: "14" };

const hello = { to: "ana", title: "Hello", body: "It works." };

test("the sweep makes the partitions of the days to come, and each row lies in that of its day", async () => {
  await using world = await createWorld({ env: byDay });
  expect(await periodsOf(world, "notifications")).toEqual(["20260302", "20260303", "20260304"]);
  const before = await world.client.send(hello);
  await world.delivery(before, "inbox", "sent");

  world.clock.step(15 * hour);
  await world.sweep();
  const after = await world.client.send(hello);
  await world.delivery(after, "inbox", "sent");

  for (const table of ["notifications", "deliveries", "attempts"]) {
    expect(await periodsOf(world, table)).toEqual(["20260302", "20260303", "20260304", "20260305"]);
  }
  const rows = rowsOf(
    await world.app.db.orm.execute(
      sql`select id, right(tableoid::regclass::text, 8) as day from notifications order by id`,
    ),
  );
  expect(rows).toEqual([
    { id: before, day: "20260302" },
    { id: after, day: "20260303" },
  ]);
  expect(await inDefault(world)).toBe(0);
});

test("days older than RETENTION_DAYS are dropped, but none on which something is still due", async () => {
  await using world = await createWorld({ env: { RETENTION_DAYS: "2" } });
  const { client, clock } = world;
  const kept = await client.send({ ...hello, send_at: iso(clock.now() + 30 * day) });
  clock.step(day);
  await world.sweep();
  const dropped = await client.send(hello);
  await world.delivery(dropped, "inbox", "sent");

  clock.step(4 * day);
  await world.sweep();

  for (const table of ["notifications", "deliveries"]) {
    expect(await periodsOf(world, table)).toEqual([
      "20260302",
      "20260305",
      "20260307",
      "20260308",
      "20260309",
    ]);
  }
  expect((await client.all<ListedNotification>("/v1/notifications")).map(({ id }) => id)).toEqual([kept]);

  // Once sent it is kept as long as anything else, though its id is of a day long past.
  clock.step(25 * day);
  await world.sweep();
  await world.delivery(kept, "inbox", "sent");
  clock.step(2 * day);
  await world.sweep();
  expect((await client.notification(kept)).status).toBe("sent");
  clock.step(day);
  await world.sweep();
  expect((await periodsOf(world, "notifications"))[0]).toBe("20260402");
});

test("a dead letter goes with its partition", async () => {
  await using world = await createWorld({ env: { RETENTION_DAYS: "2", RETRY_SCHEDULE: "1s" } });
  const { client, clock, receivers } = world;
  receivers.http.answer = () => new Response("gone", { status: 410 });
  const to = { user_id: "ana", webhook_url: receivers.http.url };
  const id = await client.send({ ...hello, to, channels: ["webhook"] });
  await world.delivery(id, "webhook", "failed");

  clock.step(4 * day);
  await world.sweep();

  expect(await client.all("/v1/deliveries?status=failed")).toEqual([]);
  expect(rowsOf(await world.app.db.orm.execute(sql`select * from dead_letters`))).toEqual([]);
});

test("what was accepted and not planned before a long stop is sent, not dropped as too old", async () => {
  await using world = await createWorld({ env: { RETENTION_DAYS: "1" } });
  await world.app.log.close();
  const id = await world.client.send(hello);
  expect((await world.client.notification(id)).status).toBe("pending");

  world.clock.step(3 * day);
  await world.restart();

  await world.delivery(id, "inbox", "sent");
});

test("with RETENTION_DAYS=90 the sweep makes a week's partition for what comes after the week that stands ready", async () => {
  await using world = await createWorld();
  const { client, clock } = world;
  expect(await periodsOf(world, "notifications")).toEqual(["20260226_7d"]);
  clock.step(day);
  await world.sweep();
  clock.step(2 * day);
  const id = await client.send(hello);
  await world.delivery(id, "inbox", "sent");

  for (const table of ["notifications", "deliveries", "attempts"]) {
    expect(await periodsOf(world, table)).toEqual(["20260226_7d", "20260305_7d"]);
  }
  expect(await inDefault(world)).toBe(0);
  await world.restart({ RETENTION_DAYS: "7" });
  clock.step(5 * day);
  await world.sweep();
  expect(await periodsOf(world, "notifications")).toEqual(["20260226_7d", "20260305_7d", "20260312"]);
  expect((await world.client.notification(id)).status).toBe("sent");
});

test("a machine that slept over the days that stood ready gets their partitions, with what came meanwhile", async () => {
  await using world = await createWorld({ env: byDay });
  const { client, clock } = world;
  clock.step(5 * day);
  const to = { user_id: "ana", webhook_url: world.receivers.http.url };
  const id = await client.send({ ...hello, to });
  await world.delivery(id, "webhook", "sent");
  expect(await inDefault(world)).toBe(4); // The notification, two deliveries, one attempt.

  await world.sweep();

  expect(await inDefault(world)).toBe(0);
  expect(await periodsOf(world, "notifications")).toContain("20260307");
  expect(await client.notification(id)).toMatchObject({ status: "sent" });
  expect((await world.delivery(id, "webhook", "sent")).attempts).toHaveLength(1);
});

test("what lies in no partition is deleted as those are dropped, with all that hangs on it", async () => {
  await using world = await createWorld({ env: { RETENTION_DAYS: "2", RETRY_SCHEDULE: "1s" } });
  const { client, clock, receivers } = world;
  receivers.http.answer = () => new Response("gone", { status: 410 });
  // A day whose partition was never made.
  clock.step(5 * day);
  const to = { user_id: "ana", webhook_url: receivers.http.url };
  const old = await client.send({ ...hello, to });
  await world.delivery(old, "webhook", "failed");
  await world.delivery(old, "inbox", "sent");
  const kept = await client.send({ ...hello, send_at: iso(clock.now() + 4 * day) });
  clock.step(day);
  await world.sweep();
  expect(await inDefault(world)).toBe(5); // Two notifications, two deliveries, one attempt.

  clock.step(day - minute);
  await world.sweep();
  expect(await inDefault(world)).toBe(5);
  clock.step(2 * minute);
  await world.sweep();
  expect(await inDefault(world)).toBe(1);
  expect(await client.all("/v1/deliveries?status=failed")).toEqual([]);
  expect((await client.all<ListedNotification>("/v1/notifications")).map(({ id }) => id)).toEqual([kept]);

  clock.step(2 * day);
  await world.sweep();
  await world.delivery(kept, "inbox", "sent");
  clock.step(2 * day - minute);
  await world.sweep();
  expect((await client.notification(kept)).status).toBe("sent");
  clock.step(2 * minute);
  await world.sweep();
  expect(await inDefault(world)).toBe(0);
});

test("a clock that was set back over midnight does not keep the service from starting again", async () => {
  await using world = await createWorld({ env: byDay });
  world.clock.step(-day);
  const id = await world.client.send(hello);
  await world.delivery(id, "inbox", "sent");
  expect(await inDefault(world)).toBe(2);

  await world.restart();

  expect(await inDefault(world)).toBe(0);
  expect((await world.client.notification(id)).status).toBe("sent");
});

test("after a clock was set back the sweep goes on making partitions", async () => {
  await using world = await createWorld({ env: { RETENTION_DAYS: "2" } });
  const { client, clock } = world;
  clock.step(365 * day);
  await world.sweep();
  clock.step(-360 * day); // Right again: it had been ahead.
  const id = await client.send(hello);
  await world.delivery(id, "inbox", "sent");
  expect(await inDefault(world)).toBe(2);

  await world.sweep();

  expect(await inDefault(world)).toBe(0);
  expect(await periodsOf(world, "notifications")).toContain("20260307");
});
