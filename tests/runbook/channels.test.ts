/** What goes wrong behind the service is caused, found by doctor, and cured as docs/runbook.md says. */
import { expect, test } from "bun:test";
import { carillon } from "../command-line.ts";
import { eventually } from "../eventually.ts";
import { webhooksToHere } from "../http/service.ts";
import { createClient } from "../process/client.ts";
import { openWard, type Ward } from "./ward.ts";

const testTimeoutMs = 90_000;

/** A receiver whose answers are chosen by the test. */
function startReceiver() {
  let answer: () => Response | Promise<Response> = () => new Response("ok");
  const server = Bun.serve({ port: 0, idleTimeout: 0, fetch: () => answer() });
  return {
    to: { user_id: "ana", webhook_url: server.url.href },
    says(status: number) {
      answer = () => new Response("", { status });
    },
    hangs() {
      answer = () => new Promise(() => {});
    },
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

const sendAll = (ward: Ward, to: object, count: number) => () =>
  Promise.all(
    Array.from({ length: count }, () =>
      ward.client.send({ to, title: "Hello", body: "It works.", channels: ["webhook"] }),
    ),
  );

test(
  "provider-down: most attempts come to nothing, until it takes them",
  async () => {
    await using receiver = startReceiver();
    await using ward = await openWard({ env: webhooksToHere });
    receiver.says(503);
    const looked = await ward.during(sendAll(ward, receiver.to, 20));
    expect(looked.of("attempts")).toMatchObject({ level: "warn", entry: "provider-down" });
    expect(looked.of("attempts").found).toMatch(/: webhook \d+ of \d+\.$/);
    receiver.says(200);
    const after = await ward.during(sendAll(ward, receiver.to, 20));
    expect(after.of("attempts").level).toBe("ok");
  },
  testTimeoutMs,
);

test(
  "silent-receiver: a host that hangs is left alone, until it answers",
  async () => {
    await using receiver = startReceiver();
    const env = { ...webhooksToHere, SEND_TIMEOUT_MS: "300", RETRY_SCHEDULE: "1s,1s,1s,1s,1s,1s,1s,1s" };
    await using ward = await openWard({ env });
    receiver.hangs();
    await sendAll(ward, receiver.to, 20)();
    const left = await ward.finds("receivers", "silent-receiver");
    expect(left.found).toBe("1 host left many calls unanswered and is left alone.");
    receiver.says(200);
    await ward.isWell("receivers");
  },
  testTimeoutMs,
);

test("noisy-project, late-deliveries: one project fills a channel, and its key is revoked", async () => {
  await using receiver = startReceiver();
  await using ward = await openWard({
    stack: "PostgreSQL",
    env: { ...webhooksToHere, WEBHOOK_CONNECTIONS: "1" },
  });
  const options = { env: ward.env, cwd: ward.folder.path };
  const made = await carillon(
    ["keys", "create", "--name", "newsletter", "--project", "noisy", "--scopes", "send"],
    options,
  );
  const noisy = createClient({ url: ward.service.url, key: made.stdout.trim() });
  receiver.hangs();
  const notifications = Array.from({ length: 1000 }, (_, nth) => ({
    to: { ...receiver.to, user_id: `user-${nth}` },
    title: "News",
    body: "All of it.",
    channels: ["webhook"],
  }));
  for (let nth = 0; nth < 3; nth++) await noisy.call("POST", "/v1/notifications/bulk", { notifications });
  const late = await ward.finds("projects", "noisy-project");
  expect(late.found).toMatch(
    /^100 % of [\d,]+ waiting deliveries belong to the project noisy \(bound 80 %\)\.$/,
  );
  const full = await ward.finds("queues", "late-deliveries");
  expect(full.found).toMatch(/^webhook: all 1 place taken, and [\d,]+ deliveries waiting for one\.$/);

  const { stdout: keys } = await carillon(["keys", "list", "--project", "noisy"], options);
  const [id = ""] = /[0-9a-f-]{36}/.exec(keys) ?? [];
  expect((await carillon(["keys", "revoke", id, "--project", "noisy"], options)).code).toBe(0);
  expect((await noisy.call("POST", "/v1/notifications", notifications[0])).status).toBe(401);
  receiver.says(200);
  await eventually(async () => (await ward.look()).of("projects").level === "ok", { timeoutMs: 60_000 });
  await ward.isWell("queues");
}, 120_000);
