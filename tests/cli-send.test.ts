/** What send prints: the id, how the deliveries went, and what was wrong. */
import { expect, test } from "bun:test";
import { carillon, expectWords, uuid } from "./command-line.ts";
import { fromSource, newAdminKey, startService } from "./process.ts";
import { tempFolder } from "./temp-folder.ts";

test("send prints the id, and with --wait how each delivery went", async () => {
  await using folder = tempFolder();
  await using service = startService({ cwd: folder.path, command: [...fromSource, "dev"] });
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
