/** What is asked of Docker, and what becomes of the answers; the real engine is nobody's in CI. */
import { expect, test } from "bun:test";
import { tempFolder } from "../temp-folder.ts";
import { downDocker, statusDocker, upDocker } from "./docker.ts";
import { Missing } from "./missing.ts";
import { serverNames } from "./recipe.ts";
import { standInDocker } from "./stand-in-docker.ts";

test("a server is started once, and ends when it is named, or when all are", async () => {
  await using docker = await standInDocker();
  await using folder = tempFolder();
  expect(await statusDocker(folder.path)).toEqual([]);

  const first = await upDocker("redis", folder.path);
  expect(first).toMatchObject({ version: "redis:7 in Docker", started: true });
  expect(await upDocker("redis", folder.path)).toEqual({ ...first, started: false });

  await downDocker([], folder.path);
  await downDocker(["kafka"], folder.path);
  expect(docker.container?.server).toBeTruthy();
  await downDocker(["redis"], folder.path);
  expect(docker.container).toBeNull();

  expect(await upDocker("redis", folder.path)).toEqual(first);
  await downDocker(serverNames, folder.path);
  expect(docker.container).toBeNull();
  expect(await statusDocker(folder.path)).toEqual([]);
});

test("one that ended is shown, and starts without its data, elsewhere if somebody took its port", async () => {
  await using docker = await standInDocker();
  await using folder = tempFolder();
  const { url } = await upDocker("redis", folder.path);
  const port = Number(new URL(url).port);
  docker.container?.server?.stop(true);
  docker.container = { data: "half a database", server: null };
  expect(await statusDocker(folder.path)).toEqual(["redis"]);

  const taken = Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
  using _ = { [Symbol.dispose]: () => taken.stop(true) };
  const again = await upDocker("redis", folder.path);
  expect(again.started).toBe(true);
  expect(again.url).not.toBe(url);
  expect(docker.container).toMatchObject({ data: "" });
});

test("an image that is neither here nor on a registry is missing, and leaves nothing to end", async () => {
  await using docker = await standInDocker();
  await using folder = tempFolder();
  docker.images.clear();
  const refused = upDocker("redis", folder.path);
  await expect(refused).rejects.toThrow(Missing);
  await expect(refused).rejects.toThrow("no registry has redis:7; see that docker pull redis:7 works");
  docker.answers = false;
  await downDocker(serverNames, folder.path);
});

test("a container that ends is not waited for, and its log says why", async () => {
  await using docker = await standInDocker();
  await using folder = tempFolder();
  docker.lastWords = "FATAL CONFIG FILE ERROR";
  await expect(upDocker("redis", folder.path)).rejects.toThrow(
    /its container ended\nFATAL CONFIG FILE ERROR/,
  );
});

test("an engine that is gone is told of, since it may come back with what runs in it", async () => {
  await using docker = await standInDocker();
  await using folder = tempFolder();
  await upDocker("redis", folder.path);
  docker.answers = false;
  expect(await statusDocker(folder.path)).toEqual([expect.stringContaining("Docker does not answer")]);
  await expect(downDocker(serverNames, folder.path)).rejects.toThrow("Docker does not answer");
  docker.answers = true;
  await downDocker(serverNames, folder.path);
  expect(docker.container).toBeNull();
});
