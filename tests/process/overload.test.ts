/** Twice as much as it can take is sent to a service: what it does take, how long that takes, and what it refuses. */
import { expect, test } from "bun:test";
import { runScript } from "../bench/child.ts";
import type { LoadOptions, LoadResult } from "../bench/load.ts";
import { Metrics } from "../bench/metrics.ts";
import { carillon } from "../command-line.ts";
import { startService } from "../process.ts";
import { openStack, stacks } from "../stacks.ts";
import { tempFolder } from "../temp-folder.ts";
import { type Client, createClient } from "./client.ts";

/** Bulk requests, which cost a service far more than a generator: they share two cores. */
const items = 100;
const peakRequests = 400;
const overloadSeconds = 5;
/** So many that the generator is never held up by answers that have not come yet. */
const connections = 500;
/** Of ten requests, one low, five normal, two high and two critical. */
const mix: LoadOptions["mix"] = [
  "low",
  "normal",
  "high",
  "normal",
  "critical",
  "normal",
  "normal",
  "high",
  "normal",
  "critical",
];
/** A machine that does something else meanwhile may spoil a round, and not three. */
const rounds = 3;

test.each(stacks)(
  "on %s, with twice its capacity offered it takes as much as before, in bounded time, and low priority is refused first",
  async (stackName) => {
    await using stack = await openStack(stackName);
    await using folder = tempFolder();
    const settings = { RATE_LIMIT_PER_MINUTE: "0", ACCEPT_WAIT_MS: "400", ...stack.env };
    const otherKey = await keyOf("other", folder.path, settings);
    await using service = startService({ cwd: folder.path, env: settings });
    await service.ready;
    const other = createClient({ url: service.url, key: otherKey });
    const load = (options: Pick<LoadOptions, "requests" | "concurrency" | "ratePerSecond">) =>
      runScript<LoadResult>("load.ts", {
        origin: service.url,
        key: service.adminKey,
        kind: "bulk",
        content: {}, // Through the event log to the inbox: what is planned takes its part of the machine.
        items,
        mix,
        ...options,
      } satisfies LoadOptions);
    await load({ requests: peakRequests / 2, concurrency: 16 });

    let goodput = 0;
    let refused = 0;
    for (let round = 0; round < rounds && goodput < 0.8; round += 1) {
      const closed = await load({ requests: peakRequests, concurrency: 16 });
      const peak = peakRequests / closed.seconds;
      const ratePerSecond = 2 * peak;
      const requests = Math.round(ratePerSecond * overloadSeconds);
      const flood = load({ requests, concurrency: connections, ratePerSecond });
      const besides = await besidesUntil(flood, other);
      const result = await flood;
      goodput = (result.requests - result.refused) / result.seconds / peak;
      refused += closed.refused + result.refused;

      expect(result.refused).toBeGreaterThan(0);
      expect(result.p99).toBeLessThan(2500);
      const { critical, high, low } = result.lanes;
      expect(critical).toMatchObject({ refused: 0 });
      expect(critical?.p99).toBeLessThan(1500);
      expect(high?.refused).toBeLessThan(0.1 * requests);
      expect(low?.refused).toBeGreaterThan(low?.accepted ?? 0);
      // Another project's requests of low priority are taken, while the flood's are refused.
      expect(besides).toEqual(besides.map(() => 202));
    }
    expect(goodput).toBeGreaterThanOrEqual(0.8);
    const metrics = new Metrics(await (await fetch(`${service.url}/metrics`)).text());
    expect(metrics.sum("carillon_requests_shed_total")).toBe(refused);
  },
  120_000,
);

/** A key of another project, made before the service starts: an embedded database belongs to one process. */
async function keyOf(project: string, cwd: string, env: Record<string, string>): Promise<string> {
  const { stdout } = await carillon(
    ["keys", "create", "--name", "sender", "--scopes", "send", "--project", project],
    { cwd, env },
  );
  return stdout.trim();
}

/** What single requests are answered that are made one after another until `flood` is over. */
async function besidesUntil(flood: Promise<unknown>, client: Client): Promise<number[]> {
  const statuses: number[] = [];
  let over = false;
  void flood.finally(() => {
    over = true;
  });
  const body = { to: "ana", title: "Hello", body: "It works.", priority: "low" };
  while (!over) statuses.push((await client.call("POST", "/v1/notifications", body)).status);
  return statuses;
}
