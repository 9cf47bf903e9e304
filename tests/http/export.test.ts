/** The export: all that the list would show, in the memory of a batch, as fast as it is read. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import net from "node:net";
import { sql } from "drizzle-orm";
import { newId } from "../../db/id.ts";
import { rowsOf } from "../../db/statement.ts";
import { eventually } from "../eventually.ts";
import { aNotification, expectFaults, expectProblem, httpForAll } from "./service.ts";

setDefaultTimeout(120_000);

const service = httpForAll();

const path = "/v1/notifications/export";

/** Rows as they lie in the database when all is done, some 1.3 KB each as a line. */
async function fill(userId: string, count: number): Promise<void> {
  const { orm } = service.app.db;
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

/** Cursors that the database's one connection has open. */
async function openCursors(): Promise<number> {
  const names = await service.app.db.orm.execute(
    sql`select name from pg_cursors where name like 'carillon_cursor%'`,
  );
  return rowsOf(names).length;
}

/** Counts the rows that are fetched while `work` runs; they are fetched as ever. */
async function countingRows(work: (fetched: () => number) => Promise<void>): Promise<void> {
  const { db } = service.app;
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

/** Asks for an export on a socket of its own, and reads nothing of the answer until it is resumed. */
function ask(query: string): net.Socket {
  const { hostname, port } = new URL(service.url);
  const socket = net.connect(Number(port), hostname, () => {
    const head = [
      `GET ${path}?${query} HTTP/1.1`,
      "Host: carillon",
      `Authorization: Bearer ${service.adminKey}`,
    ];
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
  });
  socket.on("error", () => {});
  return socket.pause();
}

/** What `probe` gives, once it gave the same three times in a row, which is more than nothing. */
async function settled(probe: () => number): Promise<number> {
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

describe("gives what the list gives, from old to new:", () => {
  beforeAll(async () => {
    const inputs = [
      { metadata: { order: 42 }, data: { nested: { list: [1.5, null, "ü\n\u2028"] } }, priority: "high" },
      { channels: ["inbox"], expires_at: new Date(Date.now() + 86_400_000).toISOString() },
      { channels: ["sms"] },
      { send_at: new Date(Date.now() + 3_600_000).toISOString() },
    ];
    const notifications = inputs.map((changes) => aNotification({ to: "ana", ...changes }));
    await service.call("POST /v1/notifications/bulk", { body: { notifications } });
    await eventually(
      async () => (await service.call("GET /v1/notifications?status=sent&user_id=ana")).data.length === 2,
    );
  });

  test.each([
    "",
    "&status=scheduled",
    "&channel=sms",
    "&priority=high",
    "&metadata.order=42",
    "&metadata.order=43",
  ])("user_id=ana%s", async (filter) => {
    const listed = await service.call(`GET /v1/notifications?user_id=ana${filter}`);
    const { status, headers, data } = await service.call(`GET ${path}?user_id=ana${filter}`);
    expect(status).toBe(200);
    expect(data).toEqual(listed.data.reverse());
    expect(headers.get("content-type")).toBe("application/x-ndjson");
    expect(headers.get("content-disposition")).toBe('attachment; filename="notifications.ndjson"');
  });

  test("nothing where there is nothing, and nothing of another project", async () => {
    const other = await service.makeKey({ project: "other", scopes: ["read"] });
    expect((await service.call(`GET ${path}`, { key: other })).text).toBe("");
  });

  test("and takes no page", async () => {
    expectFaults(await service.call(`GET ${path}?limit=10`), { limit: /known/ });
    const sender = await service.makeKey({ scopes: ["send"] });
    expectProblem(await service.call(`GET ${path}`, { key: sender }), "scope_missing");
  });
});

describe("of many", () => {
  const count = 100_000;
  /** What Bun, the system's socket buffers and the batches under way hold of an answer that nobody reads. */
  const aheadMaxRows = 20_000;
  /** How much more than by ten thousand rows this process, client and database in it, may grow by all of them. */
  const growthMaxMb = 96;
  beforeAll(() => fill("many", count));

  test("is read whole, in the memory of a batch", async () => {
    await fill("some", count / 10);
    const few = await readAll("some");
    const many = await readAll("many");
    expect([few.lines, many.lines]).toEqual([count / 10, count]);
    expect(many.bytes).toBeGreaterThan(1000 * count);
    expect(many.peakMb - few.peakMb).toBeLessThan(growthMaxMb);
    expect(await openCursors()).toBe(0);
  });

  /** Reads an export as it comes and keeps nothing of it. */
  async function readAll(userId: string) {
    const read = { lines: 0, bytes: 0, peakMb: 0 };
    const { body } = await fetch(`${service.url}${path}?user_id=${userId}`, { headers: authorization() });
    for await (const chunk of body ?? []) {
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) read.lines += 1;
      read.bytes += chunk.length;
      read.peakMb = Math.max(read.peakMb, process.memoryUsage().rss / 1024 ** 2);
    }
    return read;
  }

  test("waits for who reads slowly, and ends with who goes away", async () => {
    await countingRows(async (fetched) => {
      const socket = ask("user_id=many");
      const ahead = await settled(fetched);
      expect(ahead).toBeLessThan(aheadMaxRows);
      expect(await openCursors()).toBe(1);

      // Goes on where it stopped: reads a part, and no more than that is fetched.
      let read = 0;
      socket.on("data", (bytes) => {
        read += bytes.length;
      });
      socket.resume();
      await eventually(() => read > 10_000_000);
      socket.pause();
      expect(await settled(fetched)).toBeLessThan(count);

      socket.destroy();
      await eventually(async () => (await openCursors()) === 0);
      const last = await settled(fetched);
      expect(last).toBeLessThan(count);
    });
  });

  test("breaks off audibly where the database fails under way", async () => {
    const socket = ask("user_id=many");
    await eventually(async () => (await openCursors()) === 1);
    const [cursor] = rowsOf<{ name: string }>(
      await service.app.db.orm.execute(sql`select name from pg_cursors where name like 'carillon_cursor%'`),
    );
    await service.app.db.orm.execute(sql.raw(`close ${cursor?.name}`));
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
    });
    socket.resume();
    await new Promise((resolve) => socket.on("close", resolve));
    expect(text).toStartWith("HTTP/1.1 200 OK\r\n");
    // The chunk of no length that ends an answer (RFC 9112 §7.1) is missing.
    expect(text).not.toEndWith("0\r\n\r\n");
  });

  test("is refused while too many run, and taken again when one ends", async () => {
    const sockets = Array.from({ length: 4 }, () => ask("user_id=many"));
    await eventually(async () => (await openCursors()) === 4);
    const refused = await service.call(`GET ${path}`);
    expectProblem(refused, "too_many_exports");
    expect(refused.headers.get("retry-after")).toBe("10");
    for (const socket of sockets) socket.destroy();
    await eventually(async () => (await service.call(`GET ${path}?user_id=nobody`)).status === 200);
    await eventually(async () => (await openCursors()) === 0);
  });

  test("opens nothing for who asks for the head alone", async () => {
    const answer = await fetch(`${service.url}${path}`, { method: "HEAD", headers: authorization() });
    expect(answer.status).toBe(200);
    expect(await openCursors()).toBe(0);
  });
});

const authorization = () => ({ authorization: `Bearer ${service.adminKey}` });
