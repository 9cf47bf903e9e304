/** Two processes behind a proxy are restarted one after the other under load, and no caller notices. */
import { expect, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { newAdminKey, type Service, startService } from "../process.ts";
import { freePorts } from "../services/ports.ts";
import { openStack } from "../stacks.ts";
import { tempFolder } from "../temp-folder.ts";
import { type Client, createClient, nothingOpen } from "./client.ts";
import { startHaproxy } from "./haproxy.ts";
import { newLedger, startLoad } from "./load.ts";
import { arrivals, duplicatesIn, startReceivers } from "./receivers.ts";

/** As deploy/haproxy.cfg asks for. */
const leaveMs = 4000;
/** They do not pause: whenever a process goes, some of them are in the middle of a request. */
const readers = 16;

test("a rolling restart behind HAProxy fails no request, loses nothing and sends nothing twice", async () => {
  await using folder = tempFolder();
  await using stack = await openStack("PostgreSQL");
  await using receivers = await startReceivers();
  const { http } = receivers;
  const env = {
    ...stack.env,
    ...receivers.env,
    ADMIN_KEY: newAdminKey(),
    RATE_LIMIT_PER_MINUTE: "0",
    LEAVE_MS: String(leaveMs),
  };
  const [first = 0, second = 0] = freePorts(2);
  await using processes = new AsyncDisposableStack();
  const start = async (port: number): Promise<Service> => {
    const service = processes.use(startService({ cwd: folder.path, env: { ...env, PORT: String(port) } }));
    await service.ready;
    return service;
  };
  const running = [await start(first), await start(second)];
  await using proxy = await startHaproxy([first, second]);
  const client = createClient({ url: proxy.url, key: env.ADMIN_KEY });

  const ledger = newLedger();
  const enough = newSignal(() => ledger.promised.size > 1000);
  const load = startLoad({
    client,
    ledger,
    // Every tenth leaves the process: what is sent takes longest to hand over. Of the others, half need no event log.
    compose: (title, nth) => ({
      to: { user_id: `user-${nth % 100}`, ...(nth % 10 === 0 ? { webhook_url: `${http.url}/${nth}` } : {}) },
      ...(nth % 10 > 5 ? { channels: ["inbox"] } : {}),
      title,
      body: "Sent while the processes were restarted.",
    }),
    onAnswer: enough.look,
    persistent: { pauseMs: 20 },
  });
  const reading = startReading(client, readers);
  await enough.reached;

  for (const [index, port] of [first, second].entries()) {
    const before = running[index] as Service;
    before.kill("SIGTERM");
    expect(await before.exited).toBe(0);
    running[index] = await start(port);
    await proxy.bothInTurn();
  }

  load.stop();
  await load.ended;
  const read = await reading.stop();
  await eventually(() => nothingOpen(client), { timeoutMs: 20_000 });
  const counts = arrivals(http.received);
  console.log(
    `rolling restart: ${ledger.promised.size} notifications taken and ${read.get(200)} lists read, the slowest answer ` +
      `after ${ledger.slowestMs.toFixed(0)} ms; ${counts.size} webhooks`,
  );

  expect({ unanswered: ledger.unanswered, refused: [...ledger.refused] }).toEqual({
    unanswered: 0,
    refused: [],
  });
  expect([...read.keys()]).toEqual([200]);
  expect(duplicatesIn(counts)).toBe(0);
  expect(await undelivered(client, ledger.promised, counts)).toEqual([]);
}, 120_000);

/** Of what was promised, the ids that are not sent, or not where they should be. */
async function undelivered(client: Client, promised: Map<string, string>, counts: Map<string, number>) {
  const sent = await client.all<{ id: string; status: string }>("/v1/notifications?status=sent");
  const ids = new Set(sent.map(({ id }) => id));
  return [...promised].flatMap(([id, title]) => {
    const leaves = Number(title.split(" ")[1]) % 10 === 0;
    return ids.has(id) && (!leaves || counts.get(id) === 1) ? [] : [id];
  });
}

/** Callers who read a list again and again. */
function startReading(client: Client, callers: number): { stop(): Promise<Map<number, number>> } {
  /** Answers by their status; 0 for none. */
  const statuses = new Map<number, number>();
  let stopped = false;
  const caller = async () => {
    while (!stopped) {
      const answer = client.call("GET", "/v1/notifications?limit=1");
      const status = await answer.then(
        ({ status }) => status,
        () => 0,
      );
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const ended = Promise.all(Array.from({ length: callers }, caller));
  return {
    async stop() {
      stopped = true;
      await ended;
      return statuses;
    },
  };
}

function newSignal(isReached: () => boolean): { look(): void; reached: Promise<void> } {
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  return { look: () => isReached() && resolve(), reached };
}
