/** An outcome that the database took, and whose taking nobody heard of, is written once more: it must change nothing. */
import { expect, test } from "bun:test";
import type { Drizzle } from "../../db/statement.ts";
import type { Outcome } from "../../src/channels/channel.ts";
import { createRecord } from "../../src/pipeline/record.ts";
import { stacks } from "../stacks.ts";
import { hangingWebhooks } from "./hanging.ts";
import { createWorld } from "./world.ts";

/** A database whose next answer to a statement of this name is lost on its way. */
function losingAnAnswer(orm: Drizzle, name: string): Drizzle {
  const { session } = orm._;
  let isLost = false;
  const prepareQuery: typeof session.prepareQuery = (query, fields, named, ...rest) => {
    const prepared = session.prepareQuery(query, fields, named, ...rest);
    const execute = prepared.execute.bind(prepared);
    prepared.execute = async (params) => {
      const answer = await execute(params);
      if (named !== name || isLost) return answer;
      isLost = true;
      throw new Error("the connection was closed");
    };
    return prepared;
  };
  return Object.assign(Object.create(orm), { _: { ...orm._, session: { prepareQuery } } });
}

test.each(stacks)("on %s, its delivery has one attempt, and others are recorded after it", async (stack) => {
  await using world = await createWorld({ stack, env: { WEBHOOK_CONNECTIONS: "2" } });
  const { app, clock, client } = world;
  const { hanging, send } = await hangingWebhooks(world);
  const other = await send("another");
  await world.delivery(other, "webhook", "sending");

  const outcome: Outcome["kind"] = "sent";
  const sent = (notificationId: string) => ({
    notificationId,
    channel: "webhook",
    status: "sent" as const,
    reason: null,
    tries: 1,
    retryAtMs: null,
    last: true,
    attempt: { id: Bun.randomUUIDv7(), atMs: clock.now(), provider: "webhook", outcome, answer: "HTTP 200" },
  });
  const record = createRecord({ ...app, db: { ...app.db, orm: losingAnAnswer(app.db.orm, "recordSent") } });
  await record.add(sent(hanging));
  await record.add(sent(other));

  expect(world.errors.splice(0)).toEqual([expect.stringContaining("the connection was closed")]);
  for (const id of [hanging, other]) {
    expect(await client.notification(id)).toMatchObject({
      status: "sent",
      deliveries: [{ status: "sent", attempts: [{ outcome: "sent", answer: "HTTP 200" }] }],
    });
  }
});
