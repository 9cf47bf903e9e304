/** What PostgreSQL refuses for reasons of its own: callers are told when to come again, and nothing has to be started anew. */
import { expect, setDefaultTimeout, test } from "bun:test";
import postgres from "postgres";
import { eventually } from "../eventually.ts";
import { type OwnServer, startPostgres } from "../services/own-server.ts";
import { aNotification, expectProblem, type HttpService, startHttp } from "./service.ts";

setDefaultTimeout(60_000);

interface Place extends AsyncDisposable {
  service: HttpService;
  /** A session that began before whatever the test does. */
  admin: postgres.Sql;
  /** Ends all other sessions. */
  disconnect(): Promise<unknown>;
}

async function openPlace(
  settings: (admin: postgres.Sql) => Promise<unknown> = async () => {},
): Promise<Place> {
  await using opening = new AsyncDisposableStack();
  const server: OwnServer = opening.use(await startPostgres());
  const admin = postgres(server.url, { max: 1, onnotice: () => {} });
  opening.defer(() => admin.end());
  await settings(admin);
  const service = opening.use(
    await startHttp({ DATABASE_URL: server.url, DATABASE_POOL_MIN: "3", SWEEP_INTERVAL_MS: "200" }),
  );
  const held = opening.move();
  return {
    service,
    admin,
    disconnect:
      () => admin`select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()
      and backend_type = 'client backend'`,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

const send = (service: HttpService) =>
  service.call("POST /v1/notifications", { body: aNotification({ to: "ana", channels: ["inbox"] }) });
const taken = (service: HttpService) => eventually(async () => (await send(service)).status === 202);

test("sessions of a standby are left once writes are taken elsewhere, and meanwhile callers get 503", async () => {
  await using place = await openPlace();
  const { service, admin, disconnect } = place;
  await taken(service);
  // As after a failover: what connects now leads to where no writes are taken, and stays so.
  await admin`alter role postgres set default_transaction_read_only = on`;
  await disconnect();
  const refused = await eventually(async () => {
    const answer = await send(service);
    return /takes no writes/.test(answer.problem.detail ?? "") && answer;
  });
  expectProblem(refused, "database_unavailable", /Nothing of this request was stored/);
  expect(refused.headers.get("retry-after")).toBe("1");
  expect((await service.call("GET /v1/users/ana/inbox")).data.length).toBeGreaterThan(0);

  await admin`alter role postgres reset default_transaction_read_only`;
  await taken(service);
  // Of the sessions that are left none takes no writes: as many in a row as there may be.
  const answers = await Promise.all(Array.from({ length: 100 }, () => send(service)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  const { text } = await service.call("GET /metrics");
  expect(text).toMatch(
    /^carillon_database_connections_closed_total\{pool="primary",why="read_only"\} [1-9]/m,
  );
});

test("while the server lets nobody in, callers get 503, and it is used again by itself", async () => {
  await using place = await openPlace();
  const { service, admin, disconnect } = place;
  await taken(service);
  await admin`alter role postgres nologin`;
  await disconnect();
  await eventually(async () => (await send(service)).status !== 202);
  for (let nth = 0; nth < 20; nth += 1) {
    expectProblem(await send(service), "database_unavailable", /does not answer/);
  }
  await admin`alter role postgres login`;
  await taken(service);
});

test("what a role's sessions are set to changes neither times nor what is stored", async () => {
  await using place = await openPlace(async (admin) => {
    await admin`alter role postgres set datestyle = 'SQL, DMY'`;
    await admin`alter role postgres set timezone = 'Asia/Kolkata'`;
    await admin`alter role postgres set default_transaction_isolation = 'repeatable read'`;
    await admin`alter role postgres set array_nulls = off`;
    await admin`alter role postgres set intervalstyle = 'sql_standard'`;
  });
  const { service } = place;
  // The 6th of May, which is the 5th of June to whoever takes the day for the month.
  const expires_at = new Date(Date.UTC(new Date().getFullYear() + 1, 4, 6, 7, 8, 9, 10)).toISOString();
  const times = { send_at: new Date(Date.now() + 3_600_000).toISOString(), expires_at };
  const { data } = await service.call("POST /v1/notifications", { body: aNotification(times) });
  expect(await service.read(data.id)).toMatchObject(times);
  const { updated_at } = (await service.call("PUT /v1/users/ana", { body: { name: "Ana" } })).data;
  expect(Math.abs(Date.parse(updated_at) - Date.now())).toBeLessThan(60_000);
});
