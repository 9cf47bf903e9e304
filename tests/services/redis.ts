/** Redis, Debian's: a cache, so it keeps nothing unless told to. */
import { programPath } from "./debian.ts";
import { clientPort, type Recipe } from "./recipe.ts";
import { runCommand } from "./run-command.ts";

const standing = [
  "--bind",
  "127.0.0.1",
  "--save",
  "",
  "--appendonly",
  "no",
  "--maxmemory-policy",
  "noeviction",
];

/**
 * @param settings as on its command line; they win over ours
 * @throws Missing
 */
export async function redis(settings: readonly string[] = []): Promise<Recipe> {
  const server = await programPath("redis-server", "redis-server");
  const version = await runCommand([server, "--version"]);
  const [, number = "of an unknown version"] = /v=(\S+)/.exec(version.ok ? version.stdout : "") ?? [];
  return {
    name: "redis",
    version: `Redis ${number}`,
    portCount: 1,
    format: async () => {},
    command: (place) => [
      server,
      ...["--port", String(clientPort(place)), "--dir", place.folder],
      ...standing,
      ...settings,
    ],
    signals: { stop: "SIGTERM", discard: "SIGKILL" },
  };
}
