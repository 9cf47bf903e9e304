import { expect, test } from "bun:test";
import { Histogram, Registry } from "prom-client";
import { createHistogram } from "../src/telemetry-histogram.ts";

const options = {
  name: "carillon_wait_seconds",
  help: "How long it took",
  labelNames: ["lane", "channel"] as const,
  buckets: [0.1, 1, 10],
};
const observed: [seconds: number, lane: string, channel: string][] = [
  [0.05, "high", "email"],
  [0.1, "high", "email"],
  [0.11, "high", "email"],
  [10, "low", "email"],
  [11, "low", "inbox"],
];

test("what it observed reads as prom-client's own histogram writes it", async () => {
  const [ours, theirs] = [new Registry(), new Registry()];
  const own = createHistogram({ ...options, registry: ours });
  const client = new Histogram({ ...options, labelNames: ["lane", "channel"], registers: [theirs] });
  for (const [seconds, lane, channel] of observed) {
    own.observe(seconds, lane, channel);
    client.observe({ lane, channel }, seconds);
  }
  const lines = async (registry: Registry) => (await registry.metrics()).split("\n").map(sortLabels).sort();
  expect(await lines(ours)).toEqual(await lines(theirs));
});

/** The order of labels says nothing. */
const sortLabels = (line: string) =>
  line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(",").sort().join(",")}}`);

test("without labels it is shown before anything was observed", async () => {
  const registry = new Registry();
  createHistogram({ ...options, labelNames: [], registry });
  expect(await registry.metrics()).toContain("carillon_wait_seconds_count 0");
});
