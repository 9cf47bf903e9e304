/** Which servers and programs a test file cannot do without, as its imports and its words tell. */
import { join, posix } from "node:path";
import type { ServerName } from "./services/recipe.ts";
import type { ClientName } from "./services/services.ts";

/** A server that tests share or a client of it, or a server that a test has for itself, to stop and kill. */
export type Need = ServerName | ClientName | `own ${ServerName}`;

interface Gate {
  /** Whoever imports it, of tests/, directly or not; and where there are words, uses one of them. */
  module: string;
  words?: RegExp;
  needs: Need[];
}

const root = join(import.meta.dir, "..");

/** What leads to servers. What none of these is for runs anywhere. */
const gates: Gate[] = [
  { module: "tests/databases.ts", needs: ["postgres"] },
  { module: "tests/mongodb.ts", needs: ["mongodb"] },
  { module: "tests/adapters/redis-cache.ts", needs: ["redis"] },
  { module: "tests/adapters/kafka-world.ts", needs: ["kafka"] },
  { module: "tests/adapters/kafka-world.ts", words: /\bkcat\(/, needs: ["kcat"] },
  { module: "tests/adapters/pgbouncer.ts", needs: ["pgbouncer"] },
  { module: "tests/cdn/nginx.ts", needs: ["nginx"] },
  { module: "tests/process/haproxy.ts", needs: ["haproxy"] },
  { module: "tests/monitoring/promtool.ts", needs: ["prometheus"] },
  { module: "tests/load/k6.ts", needs: ["k6"] },
  { module: "tests/load/command.ts", needs: ["k6"] },
  { module: "tests/load/artillery.ts", needs: ["artillery"] },
  { module: "tests/services/own-server.ts", words: /\bstart(Postgres|Standby)\b/, needs: ["own postgres"] },
  { module: "tests/services/own-server.ts", words: /\bstartRedis\b/, needs: ["own redis"] },
  { module: "tests/services/own-server.ts", words: /\bstartKafka\b/, needs: ["own kafka"] },
];

export const gateModules: string[] = gates.map(({ module }) => module);

/** Stacks that are named. Who takes them from the list of stacks.ts has only those that are here. */
const stackWords: { words: RegExp; needs: Need[] }[] = [
  { words: /"PostgreSQL"/, needs: ["postgres"] },
  { words: /"PostgreSQL, Redis and Kafka"/, needs: ["postgres", "redis", "kafka"] },
];
/** What is not looked into: gates, and the two files that name every stack. */
const closed = new Set([...gateModules, "tests/stacks.ts", "tests/needs.ts"]);

/** @param file from the root of the checkout */
export async function needsOf(file: string): Promise<Set<Need>> {
  const needs = new Set<Need>();
  const seen = new Set<string>();
  const visit = async (path: string): Promise<void> => {
    if (seen.has(path)) return;
    seen.add(path);
    const text = await Bun.file(join(root, path)).text();
    const imports = importsOf(path, text);
    for (const { module, words, needs: needed } of gates) {
      if (imports.includes(module) && (words?.test(text) ?? true)) for (const need of needed) needs.add(need);
    }
    for (const { words, needs: needed } of stackWords) {
      if (words.test(text)) for (const need of needed) needs.add(need);
    }
    for (const next of imports) if (!closed.has(next)) await visit(next);
  };
  await visit(file);
  return needs;
}

/** Modules of tests/ that it imports, but for their types. */
function importsOf(path: string, text: string): string[] {
  return new Bun.Transpiler({ loader: "ts" })
    .scanImports(text)
    .filter((imported) => imported.path.startsWith("."))
    .map((imported) => posix.join(posix.dirname(path), imported.path))
    .filter((target) => target.startsWith("tests/") && target.endsWith(".ts"));
}

/** The files that cannot run, each with why. */
export async function unableOf(
  files: string[],
  lacking: ReadonlyMap<Need, string>,
): Promise<{ file: string; why: string }[]> {
  const found = files.map(async (file) => {
    const whys = [...(await needsOf(file))].flatMap((need) => lacking.get(need) ?? []);
    return whys.length > 0 ? [{ file, why: [...new Set(whys)].join("; ") }] : [];
  });
  return (await Promise.all(found)).flat();
}
