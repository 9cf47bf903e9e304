/** What a service says of its work: a line for each request, notification and attempt, and nobody's secrets. */
import { describe, expect, test } from "bun:test";
import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { fromSource, startService } from "../process.ts";
import { openStack, type StackName, stacks } from "../stacks.ts";
import { tempFolder } from "../temp-folder.ts";
import { createClient, nothingOpen } from "./client.ts";
import { startReceivers } from "./receivers.ts";

type Line = Record<string, unknown> & { level: string; message: string };

const linesOf = (stderr: string, message: string): Line[] =>
  stderr
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Line)
    .filter((line) => line.message === message);

/** Each in a field of its own, and found wherever it is repeated. */
const secret = {
  email: "personal-email@example.test",
  path: "/personal-path",
  name: "Personal-Name",
  title: "Personal-Title",
  body: "Personal-Body",
  data: "Personal-Data",
  label: "Personal-Label",
  state: "vendor=Personal-State",
  answer: "Personal-Answer",
  idempotencyKey: "Personal-Idempotency-Key",
  query: "Personal-Query",
};

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";

const onStacks: StackName[] = stacks.filter((name) => name !== "PostgreSQL");

test.each(onStacks)(
  "on %s, each request, notification and attempt has one line, which holds ids and nothing of what was sent",
  async (name) => {
    await using stack = await openStack(name);
    await using folder = tempFolder();
    await using receivers = await startReceivers();
    const { http, smtp } = receivers;
    const answers = [503, 200];
    http.answer = () => new Response(secret.answer, { status: answers.shift() ?? 200 });
    const env = { ...stack.env, ...receivers.env, RETRY_SCHEDULE: "100ms,100ms", WORKERS: "1" };
    await using service = startService({ cwd: folder.path, env });
    await service.ready;
    const client = createClient({ url: service.url, key: service.adminKey });
    const to = {
      user_id: "ana",
      email: secret.email,
      name: secret.name,
      webhook_url: `${http.url}${secret.path}`,
    };
    const notification = {
      to,
      title: secret.title,
      body: secret.body,
      channels: ["email", "webhook", "inbox", "sms"],
      data: { secret: secret.data },
      metadata: { label: secret.label },
    };
    const sent = await client.call<{ id: string }>("POST", "/v1/notifications", notification, {
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
      tracestate: secret.state,
      "idempotency-key": secret.idempotencyKey,
      "x-request-id": "request-1",
    });
    const bulk = { notifications: [{ to: "ben", title: secret.title, body: secret.body }, { to: "eve" }] };
    await client.call("POST", "/v1/notifications/bulk", bulk, { "x-request-id": "request-2" });
    await client.call("GET", `/v1/notifications?metadata.x=${secret.query}`, undefined, {
      "x-request-id": "request-3",
    });
    await client.call("GET", "/v1/users/nobody", undefined, { "x-request-id": "request-4" });
    await client
      .as(`crl_live_${"0".repeat(32)}`)
      .call("GET", "/v1/notifications", undefined, { "x-request-id": "request-5" });
    await smtp.waitFor(1);
    await http.waitFor(2);
    await eventually(() => nothingOpen(client), { timeoutMs: 30_000 });
    service.kill("SIGTERM");
    expect(await service.exited).toBe(0);

    const stderr = service.stderr();
    const { id } = sent.data;
    const requests = linesOf(stderr, "request").filter(({ request_id }) =>
      /^request-/.test(String(request_id)),
    );
    expect(
      requests.map(({ request_id, method, route, status, code }) => [
        request_id,
        method,
        route,
        status,
        code,
      ]),
    ).toEqual([
      ["request-1", "POST", "/v1/notifications", 202, undefined],
      ["request-2", "POST", "/v1/notifications/bulk", 202, undefined],
      ["request-3", "GET", "/v1/notifications", 200, undefined],
      ["request-4", "GET", "/v1/users/{id}", 404, "user_not_found"],
      ["request-5", "GET", "/v1/notifications", 401, "key_unknown"],
    ]);
    expect(requests[0]).toMatchObject({
      notification_id: id,
      notifications: 1,
      trace_id: traceId,
      project_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      key_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      bytes_in: Buffer.byteLength(JSON.stringify(notification)),
      bytes_out: expect.any(Number),
      ms: expect.any(Number),
    });
    expect(requests[1]).toMatchObject({ notifications: 1 });

    const planned = linesOf(stderr, "notification");
    expect(planned.map(({ user_id }) => user_id).sort()).toEqual(["ana", "ben"]);
    expect(planned.find(({ user_id }) => user_id === "ana")).toMatchObject({
      notification_id: id,
      priority: "normal",
      status: "processing",
      decisions: { email: "send", webhook: "send", inbox: "store", sms: "no_address" },
      waited_ms: expect.any(Number),
      trace_id: traceId,
    });

    const attempts = linesOf(stderr, "attempt");
    expect(
      attempts
        .map(({ channel, tries, outcome, status, answer, level }) => [
          channel,
          tries,
          outcome,
          status,
          answer,
          level,
        ])
        .sort(),
    ).toEqual([
      ["email", 1, "sent", "sent", "250", "info"],
      ["webhook", 1, "retry", "retrying", "HTTP 503", "warn"],
      ["webhook", 2, "sent", "sent", "HTTP 200", "info"],
    ]);
    for (const attempt of attempts) {
      expect(attempt).toMatchObject({
        notification_id: id,
        user_id: "ana",
        trace_id: traceId,
        ms: expect.any(Number),
      });
    }
    expect(attempts.find(({ status }) => status === "retrying")?.retry_at).toMatch(/^\d{4}-/);

    const said = stderr + service.stdout();
    const hidden = {
      ...secret,
      adminKey: service.adminKey,
      smtp: smtp.url,
      receiver: http.url,
      secret: receivers.secret,
    };
    for (const [field, text] of Object.entries(hidden)) {
      expect([field, said.includes(text)]).toEqual([field, false]);
    }
  },
  90_000,
);

describe("a share of what goes well", () => {
  test("is written, all lines of a notification or none; what goes wrong is written whole", async () => {
    await using folder = tempFolder();
    await using receivers = await startReceivers();
    const { http } = receivers;
    http.answer = ({ body }) => new Response(null, { status: body.includes("Bad") ? 410 : 200 });
    const env = { ...receivers.env, DATA_DIR: join(folder.path, "data"), LOG_SAMPLE: "0.5" };
    await using service = startService({ cwd: folder.path, env });
    await service.ready;
    const client = createClient({ url: service.url, key: service.adminKey });
    const to = { user_id: "ana", webhook_url: http.url };
    const send = (title: string) => client.send({ to, title, body: "It works.", channels: ["webhook"] });
    const good: string[] = [];
    for (let nth = 0; nth < 40; nth++) good.push(await send("Good"));
    const bad = await send("Bad");
    await client.call("GET", "/v1/users/nobody");
    await http.waitFor(41);
    await eventually(() => nothingOpen(client));
    service.kill("SIGTERM");
    expect(await service.exited).toBe(0);

    const idsOf = (message: string) =>
      new Set(linesOf(service.stderr(), message).map(({ notification_id }) => notification_id));
    const [requests, planned, attempts] = [idsOf("request"), idsOf("notification"), idsOf("attempt")];
    const chosen = good.filter((id) => planned.has(id));
    expect(chosen.length).toBeWithin(5, 36);
    expect(good.filter((id) => requests.has(id))).toEqual(chosen);
    expect(good.filter((id) => attempts.has(id))).toEqual(chosen);
    expect(attempts.has(bad)).toBe(true);
    expect(linesOf(service.stderr(), "request").some(({ status }) => status === 404)).toBe(true);
  });
});

test("a reader of stderr who stands still holds nothing up, and what was dropped is counted", async () => {
  await using folder = tempFolder();
  const pipe = join(folder.path, "stderr");
  expect((await Bun.$`mkfifo ${pipe}`).exitCode).toBe(0);
  const reader = openSync(pipe, constants.O_RDWR);
  const script = `exec "$0" "$1" serve 2>"$2"`;
  await using service = startService({
    cwd: folder.path,
    command: ["sh", "-c", script, ...fromSource, pipe],
    env: { DATA_DIR: join(folder.path, "data"), RATE_LIMIT_PER_MINUTE: "0" },
  });
  await service.ready;
  const client = createClient({ url: service.url, key: service.adminKey });
  const notifications = Array.from({ length: 1000 }, (_, nth) => ({
    to: `user-${nth}`,
    title: "Hello",
    body: "Hi.",
  }));
  const dropped = async () => {
    const text = await (await fetch(`${service.url}/metrics`)).text();
    return Number(/^carillon_log_lines_dropped_total (\d+)$/m.exec(text)?.[1]);
  };
  expect(await dropped()).toBe(0);
  await eventually(
    async () => {
      expect((await client.call("POST", "/v1/notifications/bulk", { notifications })).status).toBe(202);
      return (await dropped()) > 0;
    },
    { timeoutMs: 60_000, intervalMs: 1 },
  );
  service.kill("SIGTERM");
  expect(await service.exited).toBe(0);
  closeSync(reader);
}, 90_000);

test("the last lines before a fatal error are not lost", async () => {
  await using folder = tempFolder();
  const script = `
    import { linesToStderr } from ${JSON.stringify(join(import.meta.dir, "../../src/telemetry-lines.ts"))};
    const lines = linesToStderr();
    for (let nth = 0; nth < 1000; nth++) lines.write("line " + nth);
    throw new Error("fatal");`;
  const file = join(folder.path, "fatal.ts");
  await Bun.write(file, script);
  const child = Bun.spawn([process.execPath, file], { stdout: "ignore", stderr: "pipe" });
  const text = await new Response(child.stderr).text();
  expect(await child.exited).toBe(1);
  expect(text).toContain("error: fatal");
  expect(text.match(/^line \d+$/gm)?.length).toBe(1000);
});
