/** Metrics are read again as they were written. */
import { expect, test } from "bun:test";
import { Counter, Gauge, Registry } from "prom-client";
import { bucketsBetween, bucketsOf, quantileOf, samplesOf } from "../src/metrics-text.ts";
import { createHistogram } from "../src/telemetry-histogram.ts";

test("what prom-client writes comes back: labels with quotes and line ends, and numbers that are none", async () => {
  const registry = new Registry();
  const registers = [registry];
  const odd = 'a "quoted"\\\nword, and {more}';
  new Counter({ name: "sent_total", help: "Sent", labelNames: ["to", "by"], registers }).inc(
    { to: odd, by: "x" },
    2.5,
  );
  const gauge = new Gauge({ name: "held", help: "Held", registers });
  for (const value of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e-9]) {
    gauge.set(value);
    expect(samplesOf(await registry.metrics())).toEqual([
      { name: "sent_total", labels: { to: odd, by: "x" }, value: 2.5 },
      { name: "held", labels: {}, value },
    ]);
  }
});

test("a quantile is that of what was observed between two readings, of all series together", async () => {
  const registry = new Registry();
  const histogram = createHistogram({
    registry,
    name: "seconds",
    help: "Time",
    labelNames: ["route"],
    buckets: [0.1, 0.2, 1],
  });
  const read = async () => bucketsOf("seconds", samplesOf(await registry.metrics()));
  for (let nth = 0; nth < 100; nth++) histogram.observe(0.9, "/slow");
  const earlier = await read();
  for (let nth = 0; nth < 50; nth++) histogram.observe(0.05, "/quick");
  for (let nth = 0; nth < 50; nth++) histogram.observe(0.15, "/slow");
  const between = bucketsBetween(earlier, await read());
  expect(quantileOf(between, 0.5)).toBeCloseTo(0.1);
  expect(quantileOf(between, 0.75)).toBeCloseTo(0.15);
  histogram.observe(5, "/slow");
  expect(quantileOf(await read(), 1)).toBe(1); // Beyond all bounds: at least the last of them.
  expect(quantileOf(bucketsBetween(await read(), await read()), 0.95)).toBeNaN();
});
