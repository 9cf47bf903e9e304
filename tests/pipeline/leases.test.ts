/** A lease that ran out may be another process's by now: who had it gives nothing back, however late its clock goes. */
import { expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { rowsOf } from "../../db/statement.ts";
import { type ClaimedMessage, releaseOffered, unclaimMessages } from "../../src/pipeline/claim.ts";
import { stacks } from "../stacks.ts";
import { second } from "./clock.ts";
import { hangingWebhooks } from "./hanging.ts";
import { createWorld } from "./world.ts";

test.each(stacks)(
  "on %s, what another process has taken over is not given back by whoever had it",
  async (stack) => {
    await using world = await createWorld({ stack, env: { WEBHOOK_CONNECTIONS: "1" } });
    const { app, clock } = world;
    const { leaseMs } = app.config;
    const { hanging, send, answer } = await hangingWebhooks(world);
    const id = await send("is taken over");
    await world.delivery(id, "webhook", "sending");
    const late = { db: app.db, clock: { now: () => lateMs } };
    const lateMs = clock.now();
    clock.step(leaseMs + second);
    await world.sweep();
    const isLeased = async () => {
      const found = await app.db.orm.execute(sql`select leased from due where notification_id = ${id}::uuid`);
      return rowsOf<{ leased: boolean }>(found)[0]?.leased;
    };

    await unclaimMessages(late, "webhook", [
      { notificationId: id, leaseUntilMs: lateMs + leaseMs } as ClaimedMessage,
    ]);
    expect(await isLeased()).toBe(true);
    await releaseOffered(late, "webhook", [{ id, leaseUntilMs: lateMs + leaseMs }]);
    expect(await isLeased()).toBe(true);
    await releaseOffered(late, "webhook", [{ id, leaseUntilMs: clock.now() + leaseMs }]);
    expect(await isLeased()).toBe(false);

    answer();
    for (const sent of [hanging, id]) await world.delivery(sent, "webhook", "sent");
  },
);
