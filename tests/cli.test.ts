/** The commands as an operator meets them: processes with arguments, an environment, output and an exit code. */
import { expect, test } from "bun:test";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import packageJson from "../package.json" with { type: "json" };
import { settingsTable } from "../src/cli-settings.ts";
import { settings } from "../src/config.ts";
import { startHttpSink, startSmtpSink, startTcpSink } from "./channels/sinks.ts";
import { carillon, expectWords, statusOf, uuid } from "./command-line.ts";
import { testDatabase } from "./databases.ts";
import { eventually } from "./eventually.ts";
import { newAdminKey, startService } from "./process.ts";
import { tempFolder } from "./temp-folder.ts";

const root = join(import.meta.dir, "..");

test("the help names every command, setting and exit code", async () => {
  const { code, stdout } = await carillon(["--help"]);
  expect(code).toBe(0);
  for (const { name, sentence } of Object.values(settings)) {
    expect(stdout).toContain(name);
    expect(stdout).toContain(sentence);
  }
  for (const command of ["serve", "dev", "migrate", "doctor", "explain", "keys", "send", "settings"]) {
    expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
  }
  expect(stdout).toContain("Exit codes:");
});

test.each([
  "serve",
  "dev",
  "migrate",
  "doctor",
  "keys create",
  "keys list",
  "keys revoke",
  "send",
  "settings",
])("the help of %s has an example", async (command) => {
  const { code, stdout } = await carillon([...command.split(" "), "--help"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Examples?:\n {2}.*carillon/m);
});

test("the version is the package's", async () => {
  expect(await carillon(["--version"])).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: "" });
});

test.each([
  ["an unknown command", ["doctr"], "Did you mean doctor?"],
  ["an unknown option", ["settings", "--wrte", "README.md"], "Did you mean --write?"],
  ["a setting given as an option", ["serve", "--port", "80"], "unknown option '--port'"],
  ["a missing option", ["keys", "create", "--name", "shop"], "--scopes"],
  ["an unknown scope", ["keys", "create", "--name", "shop", "--scopes", "send,fly"], '"admin"|"send"|"read"'],
  ["an id that is none", ["keys", "revoke", "4711"], "lowercase UUIDs"],
  ["a send without a key", ["send", "--to", "ana", "--title", "Hi", "--body", "Ho"], "CARILLON_KEY"],
])("wrong usage ends with 2: %s", async (_, args, words) => {
  const ran = await carillon(args);
  expect(ran.code).toBe(2);
  expectWords(ran);
  expect(ran.stderr).toContain(words);
});

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

test("migrate says what it applied, and then that nothing is left", async () => {
  await using folder = tempFolder();
  const first = await carillon(["migrate"], { cwd: folder.path });
  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(first.stdout).toMatch(/up to date at version \d+: applied 1\b/);
  const second = await carillon(["migrate"], { cwd: folder.path });
  expect(second.stdout).toMatch(/up to date at version \d+: nothing to apply/);
});

test("explain lists the queries, shows the plan of one, and knows which one was meant", async () => {
  await using folder = tempFolder();
  await using own = await testDatabase();
  const names = (await carillon(["explain"])).stdout.trim().split("\n");
  expect(names).toContain("getNotificationById");
  expect(names).toContain("listInboxOlder");

  for (const env of [{ DATA_DIR: folder.path }, { DATA_DIR: folder.path, DATABASE_URL: own.url }]) {
    const plan = await carillon(["explain", "getUserById"], { env });
    expect(plan.code).toBe(0);
    expect(plan.stdout).toContain("Index Scan using users_pkey on users");
  }
  const analyzed = await carillon(["explain", "countInbox", "--analyze"], { env: { DATABASE_URL: own.url } });
  expect(analyzed.stdout).toMatch(/actual time=.*Execution Time: /s);

  const unknown = await carillon(["explain", "countInbx"]);
  expect(unknown.code).toBe(1);
  expectWords(unknown);
  expect(unknown.stderr).toContain("Did you mean countInbox?");
  const writes = await carillon(["explain", "insertPlans", "--analyze"], { env: { DATABASE_URL: own.url } });
  expect(writes.code).toBe(1);
  expectWords(writes);
  expect(writes.stderr).toContain("without --analyze only");
});

test("a key that was made works with the service on the same folder, until it is revoked", async () => {
  await using folder = tempFolder();
  const { path: cwd } = folder;
  const made = await carillon(["keys", "create", "--name", "shop", "--scopes", "send,read"], {
    cwd,
    env: { DATA_DIR: "data" },
  });
  expect(made.code).toBe(0);
  expect(made.stdout).toMatch(/^crl_live_[\w-]{32}\n$/);
  const key = made.stdout.trim();
  {
    await using service = startService({ cwd });
    await service.ready;
    expect(await statusOf(service, key)).toBe(200);
  }
  const { stdout: listed } = await carillon(["keys", "list"], { cwd });
  const line = listed.split("\n").find((one) => one.endsWith("shop")) ?? "";
  expect(line).toContain("live  active  send,read");
  expect(line).not.toContain(key);

  const [id = ""] = uuid.exec(line) ?? [];
  expect(await carillon(["keys", "revoke", id], { cwd })).toMatchObject({ code: 0 });
  expect((await carillon(["keys", "list"], { cwd })).stdout).toContain("live  revoked  send,read");
  await using service = startService({ cwd });
  await service.ready;
  expect(await statusOf(service, key)).toBe(401);
}, 60_000);

test("looking for keys makes no data folder, and an unknown key cannot be revoked", async () => {
  await using folder = tempFolder();
  const ran = await carillon(["keys", "list"], { cwd: folder.path });
  expect(ran.code).toBe(1);
  expectWords(ran);
  expect(ran.stderr).toContain("no Carillon data");
  expect(await readdir(folder.path)).toEqual([]);

  await carillon(["migrate"], { cwd: folder.path });
  const id = "019e1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b";
  const unknown = await carillon(["keys", "revoke", id], { cwd: folder.path });
  expect(unknown).toMatchObject({ code: 1, stderr: `No key ${id} belongs to project "default".\n` });
});

test("on a data folder in use, a start and keys name the process, and doctor takes it for the service", async () => {
  await using folder = tempFolder();
  await using service = startService({ cwd: folder.path });
  await service.ready;
  const { path: cwd } = folder;

  const key = await carillon(["keys", "create", "--name", "shop", "--scopes", "send"], { cwd });
  expect(key.code).toBe(1);
  expectWords(key);
  expect(key.stderr).toContain(`in use by process ${service.pid}.`);
  expect(key.stderr).toContain("POST");

  const second = await carillon(["serve"], { cwd, env: { PORT: "0" } });
  expect(second.code).toBe(1);
  expectWords(second);
  expect(second.stderr).toContain(`(process ${service.pid})`);

  const { port } = new URL(service.url);
  const doctor = await carillon(["doctor"], { cwd, env: { PORT: port } });
  expect(doctor.code).toBe(0);
  expect(doctor.stdout).toMatch(
    new RegExp(`^warn {2}data folder .* in use by process ${service.pid}\\.`, "m"),
  );
  expect(doctor.stdout).toMatch(/^warn {2}port .* another process listens there/m);
});

test("a data folder of a newer version is refused", async () => {
  await using folder = tempFolder();
  const { path: cwd } = folder;
  await carillon(["migrate"], { cwd });
  const database = await PGlite.create(join(cwd, "data/postgres"));
  await database.exec("insert into schema_migrations (version) values (999)");
  await database.close();

  for (const command of ["serve", "migrate"]) {
    const ran = await carillon([command], { cwd, env: { PORT: "0" } });
    expect(ran.code).toBe(1);
    expectWords(ran);
    expect(ran.stderr).toContain("was written by a newer Carillon: the database is at migration 999");
  }

  await Bun.write(join(cwd, "data/complete"), "999\n"); // As the newer one would have noted it.
  const doctor = await carillon(["doctor"], { cwd, env: { PORT: "0" } });
  expect(doctor.code).toBe(1);
  expect(doctor.stdout).toMatch(/^FAIL {2}data folder .* newer Carillon \(version 999;/m);
});

test("serve says at its start which channels it has no provider for, and dev where their messages are kept", async () => {
  await using folder = tempFolder();
  const main = join(import.meta.dir, "../src/main.ts");
  for (const [command, words] of [
    ["serve", "no provider: skipped"],
    ["dev", "sandbox: kept, not sent"],
  ] as const) {
    await using service = startService({ command: [process.execPath, main, command], cwd: folder.path });
    await service.ready;
    for (const channel of ["email", "sms", "push", "webhook", "chat"]) {
      expect(service.stdout()).toMatch(new RegExp(`^ +${channel} +${words}`, "m"));
    }
  }
});

test("doctor finds nothing wrong where all is well, and makes nothing", async () => {
  await using folder = tempFolder();
  await using mail = await startSmtpSink();
  const env = {
    PORT: "0",
    SMTP_URL: mail.url,
    EMAIL_FROM: "News <news@example.com>",
    WEBHOOK_SECRET: "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
  };
  const { code, stdout, stderr } = await carillon(["doctor"], { cwd: folder.path, env });
  const levels = stdout.trimEnd().split("\n");
  expect(levels.map((line) => line.slice(0, 17).trim())).toEqual(
    ["settings", "data folder", "disk", "clock", "host", "port", "email", "webhook"].map(
      (check) => `ok    ${check}`,
    ),
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(await readdir(folder.path)).toEqual([]);
});

test("doctor leaves an existing data folder as it is", async () => {
  await using folder = tempFolder();
  await carillon(["migrate"], { cwd: folder.path });
  const before = await statesIn(folder.path);
  const { stdout } = await carillon(["doctor"], { cwd: folder.path, env: { PORT: "0" } });
  expect(stdout).toMatch(/^ok {4}data folder .* holds a database at version \d+\.$/m);
  expect(await statesIn(folder.path)).toEqual(before);
});

/** Every file's size and time. */
async function statesIn(folder: string): Promise<string[]> {
  const paths = (await readdir(folder, { recursive: true })).sort();
  return Promise.all(
    paths.map(async (path) => {
      const { size, mtimeMs } = await stat(join(folder, path));
      return `${path} ${size} ${mtimeMs}`;
    }),
  );
}

test("doctor names everything that is wrong at once", async () => {
  await using folder = tempFolder();
  await using other = startHttpSink();
  await using silent = await startTcpSink({ onConnect: (socket) => socket.end("554 Go away\r\n") });
  await Bun.write(join(folder.path, "file"), "");
  const env = {
    PORT: String(other.port),
    DATA_DIR: "file",
    SMTP_URL: `smtp://user:hunter2@127.0.0.1:${silent.port}`,
    WEBHOOK_SECRET: "whsec_short",
    DRAIN_MS: "long",
    LOG_LEVL: "debug",
  };
  const { code, stdout } = await carillon(["doctor", "--json"], { cwd: folder.path, env });
  const { ok, findings } = JSON.parse(stdout) as {
    ok: boolean;
    findings: { check: string; level: string; found: string }[];
  };
  expect({ code, ok }).toEqual({ code: 1, ok: false });
  const found = (check: string, level: string) =>
    findings.filter((one) => one.check === check && one.level === level).map((one) => one.found);
  expect(found("settings", "fail")).toEqual([
    expect.stringContaining("WEBHOOK_SECRET"),
    expect.stringContaining("DRAIN_MS=long"),
  ]);
  expect(found("settings", "warn")).toEqual([expect.stringContaining("LOG_LEVL")]);
  expect(found("data folder", "fail")).toEqual([expect.stringContaining("is no folder")]);
  expect(found("port", "fail")).toEqual([expect.stringContaining(`:${other.port} cannot be taken`)]);
  expect(found("email", "fail")).toEqual([expect.stringContaining("Go away")]);
  expect(stdout).not.toContain("hunter2");
});

test("send prints the id, and with --wait how each delivery went", async () => {
  await using folder = tempFolder();
  await using service = startService({ cwd: folder.path, command: devCommand });
  await service.ready;
  const env = { CARILLON_KEY: service.adminKey };
  const hello = ["send", "--url", service.url, "--to", "ana", "--title", "Hello", "--body", "It works"];

  const sent = await carillon(hello, { env });
  expect(sent).toMatchObject({ code: 0, stderr: "" });
  expect(sent.stdout.trim()).toMatch(uuid);

  const waited = await carillon([...hello, "--email", "ana@example.com", "--wait"], { env });
  expect(waited).toMatchObject({ code: 0, stderr: "" });
  expect(waited.stdout).toMatch(/^[0-9a-f-]{36}\nemail +sent +sandbox: .*\ninbox +sent +inbox: .*\n$/);

  const skipped = await carillon([...hello, "--channels", "sms", "--wait"], { env });
  expect(skipped.code).toBe(1);
  expect(skipped.stdout).toMatch(/^sms +skipped +the user has no address/m);
}, 60_000);

test("send says what the service found wrong, fault by fault", async () => {
  await using folder = tempFolder();
  await using service = startService({ cwd: folder.path });
  await service.ready;
  const args = ["send", "--url", service.url, "--title", "", "--body", "Ho", "--to", "ana", "--email", "ana"];
  const invalid = await carillon(args, { env: { ADMIN_KEY: service.adminKey } });
  expect(invalid.code).toBe(1);
  expectWords(invalid);
  expect(invalid.stderr).toContain("422 validation_failed");
  expect(invalid.stderr).toMatch(/^ {2}#\/title /m);
  expect(invalid.stderr).toMatch(/^ {2}#\/to\/email /m);

  const stranger = await carillon(args, { env: { ADMIN_KEY: newAdminKey() } });
  expect(stranger.code).toBe(1);
  expect(stranger.stderr).toContain("401 key_unknown");
});

test("send says where nothing answers", async () => {
  const args = ["send", "--to", "ana", "--title", "Hi", "--body", "Ho", "--url", "http://127.0.0.1:9"];
  const ran = await carillon(args, { env: { ADMIN_KEY: newAdminKey() } });
  expect(ran.code).toBe(1);
  expectWords(ran);
  expect(ran.stderr).toContain("http://127.0.0.1:9 does not answer: nothing listens there");
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

test("the README's table of settings is the generated one", async () => {
  const readme = await Bun.file(join(root, "README.md")).text();
  expect(readme).toContain(`<!-- settings -->\n\n${settingsTable()}\n\n<!-- /settings -->`);
});

test("settings are written between their marks, and nowhere else", async () => {
  await using folder = tempFolder();
  const { path: cwd } = folder;
  const file = join(cwd, "page.md");
  await Bun.write(file, "before\n<!-- settings -->old<!-- /settings -->\nafter\n");
  expect(await carillon(["settings", "--write", file])).toEqual({ code: 0, stdout: "", stderr: "" });
  const written = `before\n<!-- settings -->\n\n${settingsTable()}\n\n<!-- /settings -->\nafter\n`;
  expect(await Bun.file(file).text()).toBe(written);

  await Bun.write(file, "no marks");
  const ran = await carillon(["settings", "--write", file]);
  expect(ran.code).toBe(1);
  expectWords(ran);
  expect(await Bun.file(file).text()).toBe("no marks");
});

const devCommand = [process.execPath, join(root, "src/main.ts"), "dev"];
