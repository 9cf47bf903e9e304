/** Much of low priority is queued, and critical ones hardly notice: by the order of magnitude, which a busy machine keeps. */
import { describe, expect, test } from "bun:test";
import { Metrics } from "../bench/metrics.ts";
import { startService } from "../process.ts";
import { openStack, stacks } from "../stacks.ts";
import { tempFolder } from "../temp-folder.ts";
import { createClient } from "./client.ts";
import { startReceivers } from "./receivers.ts";

const bulkRequests = 30;
const bulkItems = 1000;
/** One after the other, so that they are their own clock. */
const criticalOnes = 150;
/** The median beside them to the median alone: 1.3 at most, and up to 6.5 where no lane gives way. */
const slowdownMax = 3;

describe.each(stacks)("on %s", (name) => {
  test("while thousands of low priority are queued, a critical one takes about as long as alone", async () => {
    await using receivers = await startReceivers();
    await using stack = await openStack(name);
    await using folder = tempFolder();
    const env = { ...stack.env, ...receivers.env, RATE_LIMIT_PER_MINUTE: "0" };
    await using service = startService({ cwd: folder.path, env });
    await service.ready;
    const client = createClient({ url: service.url, key: service.adminKey });
    await client.call("PUT", "/v1/users/ana", { webhook_url: receivers.http.url });
    const message = { to: "ana", title: "Hello", body: "It works.", channels: ["webhook"] };

    let onCritical = () => {};
    receivers.http.answer = ({ body }) => {
      if (body.includes('"critical"')) onCritical();
      return new Response();
    };
    /** The median from a request to its webhook, in milliseconds. */
    async function critical(): Promise<number> {
      const timesMs: number[] = [];
      while (timesMs.length < criticalOnes) {
        const arrived = new Promise<void>((resolve) => {
          onCritical = resolve;
        });
        const sentMs = performance.now();
        await client.send({ ...message, priority: "critical" });
        await arrived;
        timesMs.push(performance.now() - sentMs);
      }
      return timesMs.sort((a, b) => a - b)[criticalOnes / 2] ?? Number.NaN;
    }

    await critical(); // A process that just started is still being compiled.
    const aloneMs = await critical();
    const low = Array.from({ length: bulkItems }, () => ({ ...message, priority: "low" }));
    for (let request = 0; request < bulkRequests; request += 1) {
      expect((await client.call("POST", "/v1/notifications/bulk", { notifications: low })).status).toBe(202);
    }
    const arrivedBefore = receivers.http.received.length;
    const besideMs = await critical();
    const arrivedBeside = receivers.http.received.length - arrivedBefore - criticalOnes;

    // They are still queued, and go on.
    expect(receivers.http.received.length).toBeLessThan(bulkRequests * bulkItems);
    expect(arrivedBeside).toBeGreaterThan(0);
    expect(besideMs / aloneMs).toBeLessThan(slowdownMax);
    const metrics = new Metrics(await (await fetch(`${service.url}/metrics`)).text());
    const rested = (lane: string) => metrics.sum("carillon_lane_rest_seconds_total", { lane });
    expect(rested("low")).toBeGreaterThan(0);
    expect(rested("critical")).toBe(0);
  });
});
