/** What is refused while more is asked for than can be answered, and what is not. */
import { expect, spyOn, test } from "bun:test";
import { onServer } from "../databases.ts";
import { eventually } from "../eventually.ts";
import { servers } from "../stacks.ts";
import { rawRequest, sendHalf } from "./raw-request.ts";
import {
  type Answer,
  aNotification,
  expectProblem,
  metricsOf,
  requestsInFlight,
  startHttp,
} from "./service.ts";

/** Of reads, and of changes, that one project may have under way: four fifths of 1,000. */
const ofOneProject = 800;

/** More than may work on the database at the same time. */
const crowd = 32;

test("requests whose bodies do not come keep nobody from the database", async () => {
  await using service = await startHttp();
  const half = Array.from({ length: crowd }, () => sendHalf(service, "PUT /v1/users/ana"));
  await eventually(async () => (await requestsInFlight(service)) > crowd);

  expect((await service.call("GET /v1/users/ana/inbox")).status).toBe(200);
  expect((await service.call("PUT /v1/users/ana", { body: { name: "Ana" } })).status).toBe(200);
  for (const socket of half) socket.destroy();
});

test.each(servers)(
  "on %s, reads that hang fill their bound, which leaves room for another project and for what is sent",
  async (stack) => {
    await using service = await startHttp({ RATE_LIMIT_PER_MINUTE: "0" }, stack);
    const other = await service.makeKey({ project: "other" });
    const readInbox = (key: string) =>
      // Not by fetch, which has 256 requests under way at most.
      rawRequest(
        service.url,
        `GET /v1/users/ana/inbox HTTP/1.1\nHost: here\nConnection: close\nAuthorization: Bearer ${key}\n\n`,
      );
    const reads: Promise<string>[] = [];
    const refused = await onServer(service.app.config.databaseUrl ?? "", (sql) =>
      sql.begin(async (locked) => {
        await locked`lock table deliveries in access exclusive mode`;
        for (let nth = 0; nth < ofOneProject; nth += 1) reads.push(readInbox(service.adminKey));
        await eventually(async () => (await requestsInFlight(service)) > ofOneProject); // The one that asks is counted as well.
        reads.push(readInbox(other));
        const body = aNotification({ channels: ["email"] });
        return [
          await service.call("GET /v1/users/ana/inbox"),
          await service.call("POST /v1/notifications", { body }),
        ] as const;
      }),
    );

    expectProblem(refused[0], "overloaded", /being read/);
    expect(Number(refused[0].headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(refused[1].status).toBe(202);
    const answers = await Promise.all(reads);
    expect(answers.filter((answer) => !answer.startsWith("HTTP/1.1 200 "))).toEqual([]);
    expect((await service.call("GET /v1/users/ana/inbox")).status).toBe(200);
    expect(await metricsOf(service)).toContain(
      'carillon_requests_shed_total{what="read",full="requests"} 1\n',
    );
  },
);

test.each(servers)(
  "on %s, a bulk that is critical in part waits with what is not critical, and is not refused for what is",
  async (stack) => {
    await using service = await startHttp({}, stack);
    const critical = aNotification({ channels: ["email"], priority: "critical" });
    const normal = aNotification({ channels: ["email"] });
    const waiting: Promise<Answer>[] = [];
    const mixed = await onServer(service.app.config.databaseUrl ?? "", (sql) =>
      sql.begin(async (locked) => {
        await locked`lock table notifications in access exclusive mode`;
        let isRefused = false;
        await eventually(() => {
          const answer = service.call("POST /v1/notifications", { body: critical });
          waiting.push(answer);
          void answer.then(({ status }) => {
            isRefused ||= status === 503;
          });
          return isRefused;
        });
        return [service.call("POST /v1/notifications/bulk", { body: { notifications: [critical, normal] } })];
      }),
    );

    await Promise.all(waiting);
    expect((await mixed[0])?.status).toBe(202);
  },
);

test.each(servers)(
  "on %s, who holds the deliveries holds up what is stored with one, and nothing else",
  async (stack) => {
    await using service = await startHttp({}, stack);
    const send = (channel: string, priority: string) =>
      service.call("POST /v1/notifications", { body: aNotification({ channels: [channel], priority }) });
    await send("email", "normal"); // From now on its key is known.
    const held: Promise<Answer>[] = [];
    await onServer(service.app.config.databaseUrl ?? "", (sql) =>
      sql.begin(async (locked) => {
        await locked`lock table deliveries in share mode`; // As who builds an index.
        for (const priority of ["critical", "normal"]) {
          // As many as are stored at the same time, and then some that wait for them.
          for (let nth = 0; nth < 4; nth += 1) {
            held.push(send("inbox", priority));
            expect((await send("email", priority)).status).toBe(202);
          }
        }
      }),
    );
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual(held.map(() => 202));
  },
);

test.each(servers)(
  "on %s, what the database gives up is answered with 503, is not stored, and can be repeated",
  async (stack) => {
    await using service = await startHttp({ DATABASE_STATEMENT_TIMEOUT_MS: "300" }, stack);
    const send = () =>
      service.call("POST /v1/notifications", {
        body: aNotification({ to: "ana" }),
        headers: { "idempotency-key": "once" },
      });
    const list = () => service.call("GET /v1/users/ana/notifications");
    expect((await list()).data).toEqual([]); // From now on the key is known.
    const refused = await onServer(service.app.config.databaseUrl ?? "", (sql) =>
      sql.begin(async (locked) => {
        await locked`lock table notifications in access exclusive mode`;
        return Promise.all([send(), list()]);
      }),
    );

    for (const answer of refused) {
      expectProblem(answer, "database_unavailable", /gave this up/);
      expect(answer.headers.get("retry-after")).toBe("1");
    }
    expect((await list()).data).toEqual([]);
    const again = await send();
    expect(again.status).toBe(202);
    expect(again.headers.get("idempotency-replayed")).toBeNull();
    expect((await list()).data).toHaveLength(1);
  },
);

test.each(servers)("on %s, keys that somebody made up keep nobody from the database", async (stack) => {
  await using service = await startHttp({}, stack);
  const send = () => service.call("POST /v1/notifications", { body: aNotification({ channels: ["email"] }) });
  expect((await send()).status).toBe(202); // From now on the key is known.
  const strangers: Promise<Answer>[] = [];
  await onServer(service.app.config.databaseUrl ?? "", (sql) =>
    sql.begin(async (locked) => {
      await locked`lock table keys in access exclusive mode`;
      for (let nth = 0; nth < crowd; nth += 1)
        strangers.push(service.call("GET /v1/users/ana/inbox", { key: `made-up-${nth}` }));
      await eventually(async () => (await requestsInFlight(service)) > crowd);

      expect((await send()).status).toBe(202);
    }),
  );

  for (const answer of await Promise.all(strangers)) expectProblem(answer, "key_unknown");
});

test("the database is asked once by all who want to know at the same time whether it answers", async () => {
  await using service = await startHttp({ SWEEP_INTERVAL_MS: "60000" });
  const { app } = service;
  const answer = Promise.withResolvers<void>();
  using asked = spyOn(app.db.orm, "execute");
  asked.mockImplementation((() => answer.promise) as unknown as typeof app.db.orm.execute);
  // All metrics together would ask the database as well.
  const inFlight = app.telemetry.registry.getSingleMetric("carillon_http_requests_in_flight");
  const answers = Array.from({ length: crowd }, () => service.call("GET /readyz"));
  await eventually(async () => (await inFlight?.get())?.values[0]?.value === crowd);
  answer.resolve();

  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(asked).toHaveBeenCalledTimes(1);
  asked.mockRestore();
  expect((await service.call("GET /readyz")).status).toBe(200);
});
