/** Between SIGTERM and the stop, a process is still there for those who have not heard of it. */
import { expect, test } from "bun:test";
import { carillon, expectWords } from "../command-line.ts";
import { eventually } from "../eventually.ts";
import { startService } from "../process.ts";
import { tempFolder } from "../temp-folder.ts";
import { createClient } from "./client.ts";

test("for LEAVE_MS after SIGTERM requests are taken on connections that are not kept, and /readyz says no", async () => {
  await using folder = tempFolder();
  const env = { DATA_DIR: folder.path, LEAVE_MS: "3000" };
  await using service = startService({ cwd: folder.path, env });
  await service.ready;
  const { url } = service;
  const client = createClient({ url, key: service.adminKey });
  const message = { to: "ana", title: "Hello", body: "It works." };
  const before = await client.call("POST", "/v1/notifications", message);
  expect({ status: before.status, connection: before.headers.get("connection") }).toEqual({
    status: 202,
    connection: null,
  });
  expect(await carillon(["health", "--url", url])).toEqual({
    code: 0,
    stdout: `${url} is ready.\n`,
    stderr: "",
  });

  const askedMs = performance.now();
  service.kill("SIGTERM");
  const no = await eventually(async () => {
    const answer = await fetch(`${url}/readyz`);
    return answer.status === 503 && answer;
  });
  expect(await no.json()).toEqual({ data: { status: "not_ready", missing: "stopping" } });
  const after = await client.call("POST", "/v1/notifications", message);
  expect({ status: after.status, connection: after.headers.get("connection") }).toEqual({
    status: 202,
    connection: "close",
  });
  const asked = await carillon(["health", "--url", url]);
  expect(asked).toMatchObject({ code: 1, stderr: `${url} is not ready: stopping.\n` });
  expectWords(asked);

  expect(await service.exited).toBe(0);
  expect(performance.now() - askedMs).toBeGreaterThan(3000);
  const gone = await carillon(["health"], { env: { PORT: new URL(url).port, HOST: "0.0.0.0" } });
  expect(gone).toMatchObject({ code: 1, stderr: `${url} does not answer: nothing listens there.\n` });
});
