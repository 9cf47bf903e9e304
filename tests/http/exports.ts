/** Exports of many rows, with the eye on what the database and the memory hold of them meanwhile. */
import net from "node:net";
import { sql } from "drizzle-orm";
import { newId } from "../../db/id.ts";
import { rowsOf } from "../../db/statement.ts";
import { eventually } from "../eventually.ts";
import type { HttpService } from "./service.ts";

export const path = "/v1/notifications/export";

export const authorization = ({ adminKey }: HttpService) => ({ authorization: `Bearer ${adminKey}` });

/** Rows as they lie in the database when all is done, some 1.3 KB each as a line. */
export async function fill({ app }: HttpService, userId: string, count: number): Promise<void> {
  const { orm } = app.db;
  const [project] = rowsOf<{ id: string }>(
    await orm.execute(sql`select id from projects where name = 'default' and kind = 'live'`),
  );
  const nowMs = Date.now();
  for (let done = 0; done < count; done += 10_000) {
    const ids = Array.from({ length: Math.min(10_000, count - done) }, () => newId(nowMs));
    await orm.execute(sql`
      insert into notifications (id, project_id, user_id, priority, status, title, body, data, metadata)
      select id, ${project?.id}::uuid, ${userId}, 'normal', 'sent', 'Hello', repeat('x', 1000), '{"n": 1}', null
      from unnest(${sql.param(ids)}::uuid[]) as id`);
  }
}

/** The exports under way. */
export interface Exports {
  count(): Promise<number>;
  /** Makes the database fail one of them at its next batch. */
  breakOne(): Promise<void>;
}

/** To be called before the first of them. */
export const exportsOf = (service: HttpService): Exports =>
  service.app.db.exclusive ? exportsOfProcess(service) : exportsOfServer(service);

/** The embedded database has nothing open for them, so they are counted where they are read. */
function exportsOfProcess({ app }: HttpService): Exports {
  const { db } = app;
  const { cursorQuery } = db;
  const reading = new Set<symbol>();
  const broken = new Set<symbol>();
  db.cursorQuery = async function* <Row>(...asked: Parameters<typeof cursorQuery>) {
    const one = Symbol();
    reading.add(one);
    try {
      for await (const batch of cursorQuery<Row>(...asked)) {
        yield batch;
        if (broken.has(one)) await db.orm.execute(sql`select 1 / 0`);
      }
    } finally {
      reading.delete(one);
    }
  };
  return {
    count: async () => reading.size,
    async breakOne() {
      const [one] = reading;
      if (one !== undefined) broken.add(one);
    },
  };
}

/** Each in the transaction of a connection of its own. */
function exportsOfServer({ app }: HttpService): Exports {
  const { orm } = app.db;
  const open = async () =>
    rowsOf<{ pid: number }>(
      await orm.execute(sql`
        select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
          and state <> 'idle' and query like '%carillon_cursor%'`),
    );
  return {
    count: async () => (await open()).length,
    async breakOne() {
      const [connection] = await open();
      await orm.execute(sql`select pg_terminate_backend(${connection?.pid}::int)`);
    },
  };
}

/** Counts the rows that are fetched while `work` runs; they are fetched as ever. */
export async function countingRows(
  { app }: HttpService,
  work: (fetched: () => number) => Promise<void>,
): Promise<void> {
  const { db } = app;
  const { cursorQuery } = db;
  let rows = 0;
  db.cursorQuery = async function* <Row>(...asked: Parameters<typeof cursorQuery>) {
    for await (const batch of cursorQuery<Row>(...asked)) {
      rows += batch.length;
      yield batch;
    }
  };
  try {
    await work(() => rows);
  } finally {
    db.cursorQuery = cursorQuery;
  }
}

/** The longest that nothing else happened in this process while `work` ran, in milliseconds. */
export async function longestStandMs(work: () => Promise<unknown>): Promise<number> {
  let longestMs = 0;
  let lastMs = performance.now();
  const look = () => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
  };
  const timer = setInterval(look, 1);
  await work();
  look();
  clearInterval(timer);
  return longestMs;
}

/** Asks for an export on a socket of its own, and reads nothing of the answer until it is resumed. */
export function ask({ url, adminKey }: HttpService, query: string): net.Socket {
  const { hostname, port } = new URL(url);
  const socket = net.connect(Number(port), hostname, () => {
    const head = [`GET ${path}?${query} HTTP/1.1`, "Host: carillon", `Authorization: Bearer ${adminKey}`];
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
  });
  socket.on("error", () => {});
  return socket.pause();
}

const collectEveryBytes = 10_000_000;

/**
 * Reads an export as it comes and keeps nothing of it. The embedded database has the garbage collected itself; beside a
 * server that comes late, at 170 MB in one run, and so is done here: what counts is what is kept.
 */
export async function readAll(service: HttpService, query: string) {
  const read = { lines: 0, bytes: 0, peakMb: 0 };
  const { exclusive } = service.app.db;
  let collectedBytes = 0;
  const { body } = await fetch(`${service.url}${path}?${query}`, {
    headers: authorization(service),
  });
  for await (const chunk of body ?? []) {
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) read.lines += 1;
    read.bytes += chunk.length;
    if (!exclusive && read.bytes - collectedBytes < collectEveryBytes) continue;
    collectedBytes = read.bytes;
    if (!exclusive) Bun.gc(true);
    read.peakMb = Math.max(read.peakMb, process.memoryUsage().rss / 1024 ** 2);
  }
  return read;
}

/** What `probe` gives, once it gave the same three times in a row, which is more than nothing. */
export async function settled(probe: () => number): Promise<number> {
  const last: number[] = [];
  return eventually(
    () => {
      last.push(probe());
      const [now = 0, ...before] = last.slice(-3).reverse();
      return before.length === 2 && before.every((one) => one === now) && now;
    },
    { intervalMs: 200 },
  );
}
