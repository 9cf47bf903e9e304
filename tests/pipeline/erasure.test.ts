/** An outcome that is being written while its user is erased keeps no word of theirs. */
import { expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { newId } from "../../db/id.ts";
import { rowsOf } from "../../db/statement.ts";
import { eventually } from "../eventually.ts";
import { createWorld } from "./world.ts";

test("what a provider said is erased, too, though it is committed only while the erasure waits for it", async () => {
  await using world = await createWorld({ stack: "PostgreSQL" });
  const { app, client, clock } = world;
  const id = await client.send({ to: "ana", title: "Hello", body: "It works." });
  await world.delivery(id, "inbox", "sent");

  const gate = Promise.withResolvers<void>();
  const isHeld = Promise.withResolvers<void>();
  const recording = app.db.transaction(async (tx) => {
    await tx.execute(sql`select from notifications where id = ${id} for update`);
    await tx.execute(sql`
      insert into attempts (notification_id, id, channel, at, provider, outcome, answer)
      values (${id}, ${newId(clock.now())}, 'webhook', now(), 'webhook', 'sent', 'HTTP 200: thanks, ana@example.com')`);
    isHeld.resolve();
    await gate.promise;
  });
  await isHeld.promise;
  const erasing = client.call("DELETE", "/v1/users/ana");
  await eventually(async () => {
    const waiting = await app.db.orm.execute(sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`);
    return rowsOf(waiting).length > 0;
  });
  gate.resolve();
  await recording;
  expect((await erasing).status).toBe(200);

  const kept = await app.db.orm.execute(sql`select answer from attempts where notification_id = ${id}`);
  expect(rowsOf<{ answer: string }>(kept).map(({ answer }) => answer)).toEqual([""]);
});
