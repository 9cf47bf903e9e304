/** What is recorded twice, or cannot be recorded at all, is in nobody's way. */
import { expect, test } from "bun:test";
import { newId } from "../../db/id.ts";
import type { Drizzle } from "../../db/statement.ts";
import { createRecord, type Recorded } from "../../src/pipeline/record.ts";
import { type StackName, stacks } from "../stacks.ts";
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

const recordedAs = (notificationId: string, answer: string, atMs: number): Recorded => ({
  notificationId,
  channel: "webhook",
  status: "sent",
  reason: null,
  tries: 1,
  retryAtMs: null,
  last: true,
  attempt: { id: newId(atMs), atMs, provider: "webhook", outcome: "sent", answer },
});

/** Two deliveries that are being sent, and that nothing else records. */
async function twoUnderWay(stack: StackName) {
  const world = await createWorld({ stack, env: { WEBHOOK_CONNECTIONS: "2" } });
  const { hanging, send } = await hangingWebhooks(world);
  const other = await send("another");
  await world.delivery(other, "webhook", "sending");
  return { world, ids: [hanging, other] as const };
}

const sentOnce = {
  status: "sent",
  deliveries: [{ status: "sent", attempts: [{ outcome: "sent", answer: "HTTP 200" }] }],
};

test.each(stacks)(
  "on %s, an outcome that was taken, of which nobody heard, is written once, and others after it",
  async (stack) => {
    const { world, ids } = await twoUnderWay(stack);
    await using _ = world;
    const { app, clock, client } = world;
    const db = { ...app.db, orm: losingAnAnswer(app.db.orm, "recordSent") };
    const record = createRecord({ ...app, db });
    for (const id of ids) await record.add(recordedAs(id, "HTTP 200", clock.now()));

    expect(world.errors.splice(0)).toEqual([expect.stringContaining("the connection was closed")]);
    for (const id of ids) expect(await client.notification(id)).toMatchObject(sentOnce);
  },
);

test.each(stacks)(
  "on %s, an outcome whose answer the database will never take is recorded without, and the rest of its batch as it is",
  async (stack) => {
    const { world, ids } = await twoUnderWay(stack);
    await using _ = world;
    const { app, clock, client } = world;
    const record = createRecord(app);
    const [bad, good] = ids;
    await Promise.all([
      record.add(recordedAs(bad, "no text has a \0 in PostgreSQL", clock.now())),
      record.add(recordedAs(good, "HTTP 200", clock.now())),
    ]);

    expect(world.errors.splice(0)).toEqual([expect.stringContaining(bad)]);
    expect(await client.notification(good)).toMatchObject(sentOnce);
    expect(await client.notification(bad)).toMatchObject({
      status: "sent",
      deliveries: [{ attempts: [{ outcome: "sent", answer: "" }] }],
    });
  },
);
