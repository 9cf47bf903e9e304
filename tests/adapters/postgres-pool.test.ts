/** The pool's bounds, on a real server: how many connections there are, when they are closed, and who waits. */
import { expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { failureOf } from "../../db/failure.ts";
import { rowsOf } from "../../db/statement.ts";
import { onServer, testDatabase } from "../databases.ts";
import { eventually } from "../eventually.ts";
import { openWatched } from "./watched-database.ts";

const times = (count: number) => Array.from({ length: count }, (_, nth) => nth);
const refusal = async (work: PromiseLike<unknown>): Promise<unknown> => {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error("nothing was refused");
};

test("200 statements at once share the connections that there may be, and each gets its own answer", async () => {
  await using own = await testDatabase();
  await using opened = await openWatched(own.url, { databasePoolMax: 6, databasePoolMin: 2 });
  const { db, pool, events } = opened;

  const answers = times(200).map(async (nth) => {
    const query = sql`select ${nth}::int as nth, pg_sleep(0.01)`;
    const [row] = rowsOf<{ nth: number }>(await db.orm.execute(query));
    return row?.nth;
  });
  await eventually(() => pool().inUse === 6);
  expect(pool().opening).toBe(0);
  expect(pool().waiting).toBeGreaterThan(50);
  expect(await Promise.all(answers)).toEqual(times(200));
  expect(pool()).toMatchObject({ inUse: 0, waiting: 0, max: 6 });
  expect(events.filter((event) => event === "opened")).toHaveLength(6);
  expect((await opened.backends()).length).toBeLessThanOrEqual(7); // And the one that listens.
});

test("the minimum is kept open, and the rest closed when it is idle", async () => {
  await using own = await testDatabase();
  await using opened = await openWatched(own.url, {
    databasePoolMax: 6,
    databasePoolMin: 3,
    databaseIdleTimeoutMs: 300,
  });
  const { db, pool, events } = opened;
  await eventually(() => pool().idle === 3);

  await Promise.all(times(30).map(() => db.orm.execute(sql`select pg_sleep(0.01)`)));
  expect(pool().idle).toBe(6);
  await eventually(() => pool().idle === 3);
  expect(events.filter((event) => event === "closed idle")).toHaveLength(3);
});

test("a connection is replaced after its uses, under load and without an error", async () => {
  await using own = await testDatabase();
  await using opened = await openWatched(own.url, { databasePoolMax: 3, databaseConnectionUses: 20 });
  const { db, events } = opened;
  const pids = await Promise.all(
    times(300).map(async () => {
      const [row] = rowsOf<{ pid: number }>(await db.orm.execute(sql`select pg_backend_pid() as pid`));
      return row?.pid ?? 0;
    }),
  );
  const uses = new Map<number, number>();
  for (const pid of pids) uses.set(pid, (uses.get(pid) ?? 0) + 1);
  expect(Math.max(...uses.values())).toBeLessThanOrEqual(20);
  expect(events.filter((event) => event === "closed uses").length).toBeGreaterThanOrEqual(14);
});

test("who waits too long for a connection is told so, in the order they came", async () => {
  await using own = await testDatabase();
  await using opened = await openWatched(own.url, { databasePoolMax: 2, databaseConnectTimeoutMs: 500 });
  const { db } = opened;
  const release = Promise.withResolvers<void>();
  const holding = times(2).map(() => db.transaction(() => release.promise));
  const error = (await refusal(db.orm.execute(sql`select 1`))) as Error;
  expect(failureOf(error)).toBe("unreachable");
  expect(String(error.cause)).toContain("no connection was free for 500 ms: all 2 are in use, of at most 2");

  release.resolve();
  await Promise.all(holding);
  const order: number[] = [];
  await Promise.all(times(50).map((nth) => db.orm.execute(sql`select 1`).then(() => order.push(nth))));
  expect(order.slice(0, 40)).not.toContain(49);
});

test("a statement that runs too long is cancelled by the server, and its connection is as good as before", async () => {
  await using own = await testDatabase();
  await using opened = await openWatched(own.url, { databaseStatementTimeoutMs: 200 });
  const error = (await refusal(opened.db.orm.execute(sql`select pg_sleep(10)`))) as {
    cause: { code: string };
  };
  expect(error.cause.code).toBe("57014");
  expect(opened.events).not.toContain("closed lost");
  await opened.db.orm.execute(sql`select 1`);
});

test("backends that are killed under load fail what they had, and the pool recovers by itself", async () => {
  await using own = await testDatabase();
  await using opened = await openWatched(own.url, { databasePoolMax: 5, databasePoolMin: 5 });
  const { db, pool, events } = opened;
  await db.orm.execute(sql`create table kept (id int primary key)`);
  await eventually(() => pool().idle === 5 && db.signals.heard());

  let stop = false;
  let next = 0;
  const resolved: number[] = [];
  const failures: string[] = [];
  const writers = times(10).map(async (writer) => {
    while (!stop) {
      next += 1;
      const id = next;
      try {
        // Every other one in a transaction of two statements, which is there as a whole or not at all.
        if (writer % 2 === 0) await db.orm.execute(sql`insert into kept values (${id})`);
        else
          await db.orm.transaction(async (tx) => {
            await tx.execute(sql`insert into kept values (${-id})`);
            await tx.execute(sql`insert into kept values (${id})`);
          });
        resolved.push(id);
      } catch (error) {
        failures.push(failureOf(error));
      }
    }
  });
  for (const round of [1, 2, 3]) {
    await eventually(() => resolved.length > round * 100);
    await onServer(own.url, (admin) =>
      admin.unsafe(`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'carillon'`),
    );
  }
  const afterwards = resolved.length;
  await eventually(() => resolved.length > afterwards + 200);
  stop = true;
  await Promise.all(writers);

  expect(new Set(failures)).toEqual(new Set(["unreachable"]));
  const kept = new Set(
    rowsOf<{ id: number }>(await db.orm.execute(sql`select id from kept`)).map(({ id }) => id),
  );
  expect(resolved.filter((id) => !kept.has(id))).toEqual([]);
  expect([...kept].filter((id) => id < 0 && !kept.has(-id))).toEqual([]);
  await eventually(() => pool().idle === 5);
  expect(events).toContain("closed lost");
  await eventually(() => events.includes("signals back"));
});
