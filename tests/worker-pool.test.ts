/** Workers that end, or never begin, as the main thread sees them. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { loadConfig } from "../src/config.ts";
import { createTelemetry } from "../src/telemetry.ts";
import { startWorkers } from "../src/worker-pool.ts";
import { carillon } from "./command-line.ts";
import { eventually, within } from "./eventually.ts";
import { openStack } from "./stacks.ts";

setDefaultTimeout(60_000);

/** Every worker that is made from now on, in order, until it is disposed of. */
function watchWorkers() {
  const { Worker } = globalThis;
  const made: { worker: Worker; atMs: number }[] = [];
  globalThis.Worker = class extends Worker {
    constructor(...given: ConstructorParameters<typeof Worker>) {
      super(...given);
      made.push({ worker: this, atMs: performance.now() });
    }
  };
  return {
    made,
    [Symbol.dispose]() {
      globalThis.Worker = Worker;
    },
  };
}

interface Line {
  message: string;
  worker: number;
  error: string;
  wait_ms: number;
}

/** The workers are told the same: the main thread writes their lines as well. */
const quiet = { LOG_LEVEL: "error" };

/** Calls back with each line that is logged. */
const listen = (onLine: (line: Line) => void) =>
  createTelemetry({ level: "error", write: (line) => onLine(JSON.parse(line)) });

test("a worker that ends is started again after a wait that grows, and what it had counted stays", async () => {
  await using stack = await openStack("PostgreSQL, Redis and Kafka");
  const config = loadConfig({ ...stack.env, ...quiet });
  await carillon(["migrate"], { env: stack.env });
  using workers = watchWorkers();
  const lines: Line[] = [];
  let answeredMs: Promise<number> | undefined;
  const telemetry = listen((line) => {
    lines.push(line);
    const askedMs = performance.now();
    answeredMs = work.metrics().then(() => performance.now() - askedMs);
  });
  const work = await startWorkers({ count: 1, config, dev: false, telemetry });
  const sumOf = async (name: string) => {
    const text = await telemetry.metrics(await work.metrics());
    return [...text.matchAll(new RegExp(`^${name}(?:{.*})? (\\d+)$`, "gm"))].reduce(
      (sum, [, value]) => sum + Number(value),
      0,
    );
  };
  const dealt = "carillon_kafka_rebalances_total";
  const before = await eventually(() => sumOf(dealt));

  const ends = 3;
  for (let nth = 0; nth < ends; nth += 1) {
    const { worker } = await eventually(() => workers.made[nth]);
    worker.terminate();
    await eventually(() => lines.length > nth);
  }

  expect(lines.map(({ wait_ms }) => wait_ms)).toEqual([100, 200, 400]);
  expect(lines[0]).toMatchObject({
    message: "a worker ended and is started again",
    worker: 0,
    error: "it ended by itself",
  });
  await eventually(() => workers.made.length === 1 + ends);
  const [first, ...others] = workers.made.map(({ atMs }) => atMs);
  const waitsMs = others.map((atMs, nth) => atMs - ([first, ...others][nth] ?? 0));
  for (const [nth, waitMs] of waitsMs.entries()) expect(waitMs).toBeGreaterThan(95 * 2 ** nth);
  expect(await sumOf("carillon_worker_restarts_total")).toBe(ends);
  expect(await answeredMs).toBeLessThan(1000); // Nobody was there to be asked, and so nobody was waited for.
  expect(await sumOf(dealt)).toBeGreaterThanOrEqual(before);
  await eventually(async () => (await sumOf(dealt)) > before, { timeoutMs: 30_000 });
  await work.stop(0);
});

test("a start whose workers cannot start fails and says why, and leaves none behind", async () => {
  using workers = watchWorkers();
  const nowhere = "127.0.0.1:9";
  const config = loadConfig({
    ...quiet,
    DATABASE_URL: `postgres://${nowhere}/carillon`,
    KAFKA_BROKERS: nowhere,
  });
  const lines: Line[] = [];
  const starting = startWorkers({
    count: 2,
    config,
    dev: false,
    telemetry: listen((line) => lines.push(line)),
  });
  expect(await within(20_000, starting.catch(String), () => "it still starts")).toContain(
    "A worker could not start: No PostgreSQL server answers at 127.0.0.1:9",
  );
  expect(lines).toEqual([]);
  expect(workers.made).toHaveLength(2);
});
