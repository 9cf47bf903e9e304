/** What a start says, what stops it, and how it is ended. */
import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { startHttpSink } from "./channels/sinks.ts";
import { carillon, expectWords } from "./command-line.ts";
import { eventually } from "./eventually.ts";
import { fromSource, startService } from "./process.ts";
import { tempFolder } from "./temp-folder.ts";

test("wrong settings stop the start, each named with its fault, and secrets are not shown", async () => {
  await using folder = tempFolder();
  const env = { PORT: "http", RETRY_SCHEDULE: "5s,soon", ADMIN_KEY: "hunter2", EMAIL_FROM: "nobody" };
  const ran = await carillon(["serve"], { cwd: folder.path, env });
  expect(ran.code).toBe(1);
  expectWords(ran);
  expect(ran.stderr).toContain("PORT=http: is not a whole number");
  expect(ran.stderr).toContain('"soon" is no duration');
  expect(ran.stderr).toContain("ADMIN_KEY: has fewer than 32 characters");
  expect(ran.stderr).toContain("EMAIL_FROM=nobody");
  expect(ran.stderr).not.toContain("hunter2");
  expect(await readdir(folder.path)).toEqual([]);
});

test("a port that is taken is said so, and the admin key is still made by the start that succeeds", async () => {
  await using folder = tempFolder();
  await using other = startHttpSink();
  const ran = await carillon([], { cwd: folder.path, env: { PORT: String(other.port) } });
  expect(ran.code).toBe(1);
  expectWords(ran);
  expect(ran.stderr).toContain(`127.0.0.1:${other.port}: another process listens there`);
  expect(await carillon(["keys", "list"], { cwd: folder.path })).toMatchObject({ code: 0, stdout: "" });
});

test("a mail server is all that email needs: the default sender is good enough to start", async () => {
  await using folder = tempFolder();
  await using service = startService({ cwd: folder.path, env: { SMTP_URL: "smtp://127.0.0.1:9" } });
  await service.ready;
  expect(service.stdout()).toMatch(/^ +email +smtp$/m);
});

test("serve says at its start which channels it has no provider for, and dev where their messages are kept", async () => {
  await using folder = tempFolder();
  for (const [command, words] of [
    ["serve", "no provider: skipped"],
    ["dev", "sandbox: kept, not sent"],
  ] as const) {
    await using service = startService({ command: [...fromSource, command], cwd: folder.path });
    await service.ready;
    for (const channel of ["email", "sms", "push", "webhook", "chat"]) {
      expect(service.stdout()).toMatch(new RegExp(`^ +${channel} +${words}`, "m"));
    }
  }
});

test("a second signal ends at once what the first one lets finish", async () => {
  await using folder = tempFolder();
  await using receiver = startHttpSink();
  receiver.answer = () => new Promise(() => {});
  const service = startService({
    cwd: folder.path,
    env: {
      DRAIN_MS: "60000",
      SEND_TIMEOUT_MS: "60000",
      LEASE_MS: "180000",
      WEBHOOK_ALLOW_PRIVATE: "1",
      WEBHOOK_SECRET: "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    },
  });
  await service.ready;
  await fetch(`${service.url}/v1/notifications`, {
    method: "POST",
    headers: { authorization: `Bearer ${service.adminKey}`, "content-type": "application/json" },
    body: JSON.stringify({ to: { user_id: "ana", webhook_url: receiver.url }, title: "Hi", body: "Ho" }),
  });
  await receiver.waitFor(1);
  let code: number | null = null;
  service.exited.then((ended) => {
    code = ended;
  });
  await eventually(() => {
    if (code === null) service.kill("SIGTERM");
    return code !== null;
  });
  expect(await service.exited).toBe(143);
});
