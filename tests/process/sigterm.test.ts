/** SIGTERM under load: nothing lost, nothing sent twice, gone within 10 s. */
import { expect, test } from "bun:test";
import { eventually, within } from "../eventually.ts";
import { newAdminKey, startService } from "../process.ts";
import { openStack, stacks } from "../stacks.ts";
import { tempFolder } from "../temp-folder.ts";
import { createClient, nothingOpen } from "./client.ts";
import { newLedger, startLoad } from "./load.ts";
import { arrivals, duplicatesIn, startReceivers } from "./receivers.ts";

const exitMaxMs = 10_000;

test.each(stacks)(
  "on %s, SIGTERM under load loses nothing and sends nothing twice",
  async (name) => {
    await using folder = tempFolder();
    await using stack = await openStack(name);
    await using receivers = await startReceivers();
    const { http } = receivers;
    const env = { ...stack.env, ...receivers.env, ADMIN_KEY: newAdminKey() };
    const ledger = newLedger();
    const service = startService({ cwd: folder.path, env });
    await service.ready;
    const compose = (title: string, nth: number) => ({
      to: { user_id: `user-${nth % 100}`, webhook_url: http.url },
      title,
      body: "Sent while the process was being stopped.",
    });
    const warm = Promise.withResolvers<void>();
    const load = startLoad({
      client: createClient({ url: service.url, key: env.ADMIN_KEY }),
      ledger,
      compose,
      onAnswer: () => ledger.promised.size > 2000 && warm.resolve(),
    });
    await warm.promise;
    const { exitMs, code } = await stop(service);
    await load.ended;
    const beforeRestart = http.received.length;

    await using successor = startService({ cwd: folder.path, env });
    await successor.ready;
    const client = createClient({ url: successor.url, key: env.ADMIN_KEY });
    // Sooner than by PENDING_GRACE_MS or LEASE_MS: it was handed on, not found.
    await eventually(() => nothingOpen(client), { timeoutMs: 20_000 });
    const counts = arrivals(http.received);
    const refused = JSON.stringify(Object.fromEntries(ledger.refused));
    console.log(
      `SIGTERM on ${name}: ${ledger.promised.size} answered with 202, refused ${refused}, ${ledger.unanswered} callers got no ` +
        `answer; ${beforeRestart} webhooks before the restart, ${http.received.length - beforeRestart} after; ` +
        `exit after ${exitMs.toFixed(0)} ms`,
    );

    expect(code).toBe(0);
    expect(exitMs).toBeLessThan(exitMaxMs);
    expect([...ledger.promised.keys()].filter((id) => counts.get(id) !== 1)).toEqual([]);
    expect(duplicatesIn(counts)).toBe(0);
    // Every request that was being handled got its answer, so nothing is sent that was not promised.
    expect([...counts.keys()].filter((id) => !ledger.promised.has(id))).toEqual([]);
    // Whoever was not served was told so: by a 503, or by a connection that nobody took.
    expect([...ledger.refused.keys()].filter((status) => status !== 503)).toEqual([]);
  },
  60_000,
);

test.each(stacks)(
  "on %s, SIGTERM ends the process in time though a webhook receiver hangs",
  async (name) => {
    await using folder = tempFolder();
    await using stack = await openStack(name);
    await using receivers = await startReceivers();
    const { http } = receivers;
    const env = {
      ...stack.env,

      ...receivers.env,
      ADMIN_KEY: newAdminKey(),
      RETRY_SCHEDULE: "10ms,10ms",
    };
    http.answer = ({ path }) => (path === "/hangs" ? new Promise(() => {}) : new Response("ok"));
    const service = startService({ cwd: folder.path, env });
    await service.ready;
    const client = createClient({ url: service.url, key: env.ADMIN_KEY });
    const hanging = { user_id: "ana", webhook_url: `${http.url}/hangs` };
    const ids = await Promise.all(
      Array.from({ length: 100 }, () => client.send({ to: hanging, title: "Hello", body: "Are you there?" })),
    );
    await http.waitFor(64);
    // The worst case: a request that never ends, and sends that never do.
    await startUpload(service.url, env.ADMIN_KEY);
    const { exitMs, code } = await stop(service);
    console.log(`SIGTERM on ${name} with a hanging receiver: exit after ${exitMs.toFixed(0)} ms`);
    expect(code).toBe(0);
    expect(exitMs).toBeLessThan(exitMaxMs);

    http.answer = () => new Response("ok");
    await using successor = startService({ cwd: folder.path, env });
    await successor.ready;
    const later = createClient({ url: successor.url, key: env.ADMIN_KEY });
    await eventually(() => nothingOpen(later), { timeoutMs: 30_000 });
    const attempts: string[] = [];
    for (const id of ids) {
      const { status, deliveries } = await later.notification(id);
      expect(status).toBe("sent");
      const [webhook] = deliveries.filter(({ channel }) => channel === "webhook");
      attempts.push(webhook?.attempts.map(({ outcome }) => outcome).join(" ") ?? "");
    }
    // 64 at a time were under way and are known to be uncertain; the rest had not begun.
    expect(attempts.filter((outcomes) => outcomes === "ambiguous sent")).toHaveLength(64);
    expect(attempts.filter((outcomes) => outcomes === "sent")).toHaveLength(36);
  },
  60_000,
);

test.each(stacks)(
  "on %s, a request that was half sent at SIGTERM is still answered, and what it asked for is kept",
  async (name) => {
    await using folder = tempFolder();
    await using stack = await openStack(name);
    const env = { ...stack.env, ADMIN_KEY: newAdminKey() };
    const service = startService({ cwd: folder.path, env });
    await service.ready;
    const upload = await startUpload(service.url, env.ADMIN_KEY);
    service.kill("SIGTERM");
    await eventually(() =>
      fetch(service.url).then(
        () => false,
        () => true,
      ),
    );
    expect(await upload.finish()).toContain(" 202 ");
    expect(await service.exited).toBe(0);

    await using successor = startService({ cwd: folder.path, env });
    await successor.ready;
    const client = createClient({ url: successor.url, key: env.ADMIN_KEY });
    await eventually(() => nothingOpen(client));
    expect(await client.all("/v1/notifications")).toMatchObject([{ title: "Half sent", status: "sent" }]);
  },
  60_000,
);

/** A request of which the service has read the first half. */
async function startUpload(url: string, key: string): Promise<{ finish(): Promise<string> }> {
  const body = JSON.stringify({ to: "ana", title: "Half sent", body: "And then the rest." });
  const half = body.length / 2;
  const { hostname, port } = new URL(url);
  const answered = Promise.withResolvers<string>();
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      data: (_, bytes) => answered.resolve(bytes.toString().split("\r\n")[0] ?? ""),
      close: () => answered.resolve("closed without an answer"),
    },
  });
  const head = [
    "POST /v1/notifications HTTP/1.1",
    `Host: ${hostname}`,
    `Authorization: Bearer ${key}`,
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n${body.slice(0, half)}`);
  // Another request that is answered shows that this one was read as far as it came.
  await fetch(`${url}/healthz`);
  return {
    finish() {
      socket.write(body.slice(half));
      return answered.promise;
    },
  };
}

async function stop(service: ReturnType<typeof startService>): Promise<{ code: number; exitMs: number }> {
  const startedMs = performance.now();
  service.kill("SIGTERM");
  const late = () => `the service still runs 20 s after SIGTERM: ${service.stderr()}`;
  const code = await within(20_000, service.exited, late);
  return { code, exitMs: performance.now() - startedMs };
}
