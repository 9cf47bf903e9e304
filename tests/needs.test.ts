import { expect, test } from "bun:test";
import { join, posix } from "node:path";
import { gateModules, type Need, needsOf, unableOf } from "./needs.ts";

const root = join(import.meta.dir, "..");

test.each<[string, Need[]]>([
  ["tests/needs.test.ts", []],
  ["tests/pipeline/plan.test.ts", []],
  ["tests/pipeline/sweep.test.ts", []],
  ["tests/process/side-by-side.test.ts", ["kafka", "postgres", "redis"]],
  ["tests/adapters/archive-mongodb.test.ts", ["mongodb"]],
  ["tests/adapters/redis-replica.test.ts", ["own redis", "redis"]],
  ["tests/adapters/event-log-kafka-faults.test.ts", ["kafka", "own kafka"]],
  ["tests/load/targets.test.ts", []],
  ["tests/load/k6.test.ts", ["k6"]],
  ["tests/load/artillery.test.ts", ["artillery"]],
  ["tests/load/servers.test.ts", ["k6", "kafka", "postgres", "redis"]],
  ["tests/faults/faults.test.ts", ["own kafka", "own postgres", "own redis", "postgres"]],
])("%s cannot do without %j", async (file, needs) => {
  expect([...(await needsOf(file))].sort()).toEqual(needs);
});

test("a file is told apart by what is lacking, with the reason, and others run", async () => {
  const lacking = new Map<Need, string>([["mongodb", "mongodb is missing: no Java; install Java"]]);
  const files = ["tests/adapters/archive-mongodb.test.ts", "tests/adapters/cache-redis.test.ts"];
  expect(await unableOf(files, lacking)).toEqual([
    { file: "tests/adapters/archive-mongodb.test.ts", why: "mongodb is missing: no Java; install Java" },
  ]);
});

test("whatever reads where a server is, is known to lead to one", async () => {
  const known = [...gateModules, "tests/stacks.ts"];
  const paths = await Array.fromAsync(new Bun.Glob("tests/**/*.ts").scan(root));
  const reading = paths.filter((path) => !/^tests\/(bench|services)\//.test(path));
  const texts = await Promise.all(reading.map((path) => Bun.file(posix.join(root, path)).text()));
  const readers = reading.filter((_, nth) => /\benv\.TEST_(?!SEED\b)/.test(texts[nth] ?? ""));
  expect(readers.filter((path) => !known.includes(path))).toEqual([]);
  expect(readers.length).toBeGreaterThan(2);
});
