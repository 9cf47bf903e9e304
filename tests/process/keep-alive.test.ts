/** Connections live on between requests, for as long as is said and no longer. */
import { expect, test } from "bun:test";
import { once } from "node:events";
import { createConnection } from "node:net";
import { startService } from "../process.ts";
import { tempFolder } from "../temp-folder.ts";

const request = "GET /healthz HTTP/1.1\r\nHost: carillon.test\r\n\r\n";

test("a connection takes one request after another, and is closed when it was silent for KEEP_ALIVE_SECONDS", async () => {
  await using folder = tempFolder();
  const env = { DATA_DIR: folder.path, KEEP_ALIVE_SECONDS: "1" };
  await using service = startService({ cwd: folder.path, env });
  await service.ready;
  const { hostname, port } = new URL(service.url);
  const socket = createConnection({ host: hostname, port: Number(port) });
  for (let nth = 0; nth < 3; nth += 1) {
    socket.write(request);
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toStartWith("HTTP/1.1 200");
  }
  const silentSinceMs = performance.now();
  socket.resume();
  await once(socket, "close");
  const silentMs = performance.now() - silentSinceMs;
  // Bun looks at its connections every 4 s.
  expect(silentMs).toBeGreaterThan(900);
  expect(silentMs).toBeLessThan(10_000);
});
