/** What doctor finds without servers; with them, see cli-servers.test.ts. */
import { expect, test } from "bun:test";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { startHttpSink, startSmtpSink, startTcpSink } from "./channels/sinks.ts";
import { carillon } from "./command-line.ts";
import { tempFolder } from "./temp-folder.ts";

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
