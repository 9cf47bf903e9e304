/** What was remembered of an Idempotency-Key is forgotten after its 24 hours, however much of it there is. */
import { expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { rowsOf } from "../../db/statement.ts";
import { iso } from "../../src/pipeline/time.ts";
import { eventually } from "../eventually.ts";
import { stacks } from "../stacks.ts";
import { day, minute, second } from "./clock.ts";
import { createWorld, type World } from "./world.ts";

const rows = 60_000;

async function kept({ app }: World): Promise<number> {
  const [row] = rowsOf<{ count: number }>(
    await app.db.orm.execute(sql`select count(*)::int as count from idempotency_keys`),
  );
  return row?.count ?? Number.NaN;
}

test.each(stacks)("on %s, expired keys are all gone soon, and the others stay", async (stack) => {
  await using world = await createWorld({ stack });
  const { app, clock } = world;
  const remember = (count: number, ageMs: number) =>
    app.db.orm.execute(sql`
      insert into idempotency_keys (project_id, key, request_hash, response, created_at)
      select gen_random_uuid(), nth::text, 'hash', '{}', ${iso(clock.now() - ageMs)}::timestamptz
      from generate_series(1, ${count}::int) as nth`);
  await remember(rows, day + minute);
  await remember(10, day - 90 * second);

  clock.step(minute);
  await eventually(async () => {
    await world.sweep();
    return (await kept(world)) === 10;
  });
  expect(await kept(world)).toBe(10);

  // Those that expired since are not looked for again at once, but within a minute.
  clock.step(minute);
  await world.sweep();
  expect(await kept(world)).toBe(0);

  // Nor do they stay because the clock was ahead meanwhile.
  clock.step(365 * day);
  await world.sweep();
  clock.step(-365 * day);
  await remember(10, day + minute);
  await world.sweep();
  expect(await kept(world)).toBe(0);
});
